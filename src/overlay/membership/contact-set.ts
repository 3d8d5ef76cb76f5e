/** A bounded set of nodes by id, for random choices. */
export class ContactSet<Contact extends { readonly id: string }> {
  readonly #maxSize: number;
  readonly #random: () => number;
  readonly #contacts = new Map<string, Contact>();

  /** @param random returns a number of at least 0 and below 1. */
  constructor(maxSize: number, random: () => number) {
    this.#maxSize = maxSize;
    this.#random = random;
  }

  get size(): number {
    return this.#contacts.size;
  }

  get isFull(): boolean {
    return this.#contacts.size >= this.#maxSize;
  }

  has(id: string): boolean {
    return this.#contacts.has(id);
  }

  get(id: string): Contact | undefined {
    return this.#contacts.get(id);
  }

  [Symbol.iterator](): Iterator<Contact> {
    return this.#contacts.values();
  }

  /** Adds a node, or replaces its entry. A full set loses a random node. */
  add(contact: Contact): void {
    if (!this.has(contact.id) && this.isFull) this.remove(this.pick()!.id);
    this.#contacts.set(contact.id, contact);
  }

  remove(id: string): boolean {
    return this.#contacts.delete(id);
  }

  /** Returns a random node that fits. */
  pick(fits: (contact: Contact) => boolean = () => true): Contact | undefined {
    const [one] = this.sample(1, fits);
    return one;
  }

  /** Returns at most `count` random nodes that fit, in random order. */
  sample(count: number, fits: (contact: Contact) => boolean = () => true): Contact[] {
    const pool = [...this.#contacts.values()].filter(fits);
    const wanted = Math.min(count, pool.length);
    for (let at = 0; at < wanted; at++) {
      const other = at + Math.floor((pool.length - at) * this.#random());
      [pool[at], pool[other]] = [pool[other]!, pool[at]!];
    }
    return pool.slice(0, wanted);
  }
}
