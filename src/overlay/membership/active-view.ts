import { ContactSet } from './contact-set.ts';

interface Neighbour<Contact> {
  readonly contact: Contact;
  /** Whether this node chose the neighbour. If false, the neighbour asked this node. */
  readonly isChosen: boolean;
}

/** The number of self-chosen neighbours that other nodes cannot make a node drop. */
const protectedNeighbours = 2;

/** The neighbours of a node. Chooses which of them the node picks or drops. */
export class ActiveView<Contact extends { readonly id: string }> {
  readonly #random: () => number;
  readonly #neighbours = new Map<string, Neighbour<Contact>>();

  constructor(random: () => number) {
    this.#random = random;
  }

  get size(): number {
    return this.#neighbours.size;
  }

  /** The ids of the neighbours, in the order in which they became neighbours. */
  get ids(): readonly string[] {
    return [...this.#neighbours.keys()];
  }

  has(id: string): boolean {
    return this.#neighbours.has(id);
  }

  add(contact: Contact, isChosen: boolean): void {
    this.#neighbours.set(contact.id, { contact, isChosen });
  }

  /** @returns the removed node, or `undefined` if it was not a neighbour. */
  remove(id: string): Contact | undefined {
    const neighbour = this.#neighbours.get(id);
    this.#neighbours.delete(id);
    return neighbour?.contact;
  }

  /** Returns a random neighbour other than the given ones. */
  oneBut(...ids: readonly (string | undefined)[]): string | undefined {
    return this.#oneOf(this.ids.filter((id) => !ids.includes(id)));
  }

  /** Returns at most `count` random neighbours that fit. */
  sample(count: number, fits: (contact: Contact) => boolean): Contact[] {
    const pool = new ContactSet<Contact>(this.size, this.#random);
    for (const { contact } of this.#neighbours.values()) if (fits(contact)) pool.add(contact);
    return pool.sample(count);
  }

  /** The number of neighbours that others can make this node drop. */
  get droppable(): number {
    return this.#droppable.length;
  }

  /** Removes a random neighbour. If others caused the drop, only droppable neighbours are chosen, if there are any. */
  dropOne(isOwnWish: boolean): Contact {
    const droppable = this.#droppable;
    const pool = isOwnWish || droppable.length === 0 ? [...this.#neighbours.values()] : droppable;
    const { contact } = this.#oneOf(pool)!;
    this.#neighbours.delete(contact.id);
    return contact;
  }

  get #droppable(): Neighbour<Contact>[] {
    const all = [...this.#neighbours.values()];
    const chosen = all.filter(({ isChosen }) => isChosen);
    return chosen.length > protectedNeighbours ? all : all.filter(({ isChosen }) => !isChosen);
  }

  #oneOf<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(items.length * this.#random())];
  }
}
