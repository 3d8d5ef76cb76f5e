import { ContactSet } from './contact-set.ts';

interface Neighbour<Contact> {
  readonly contact: Contact;
  /** This node chose it; otherwise it asked. */
  readonly isChosen: boolean;
}

/** Neighbours of its own choice that nobody can make a node drop. */
const protectedNeighbours = 2;

/** The neighbours of a node, and which of them it picks or drops. */
export class ActiveView<Contact extends { readonly id: string }> {
  readonly #random: () => number;
  readonly #neighbours = new Map<string, Neighbour<Contact>>();

  constructor(random: () => number) {
    this.#random = random;
  }

  get size(): number {
    return this.#neighbours.size;
  }

  /** Since when they are neighbours decides their order. */
  get ids(): readonly string[] {
    return [...this.#neighbours.keys()];
  }

  has(id: string): boolean {
    return this.#neighbours.has(id);
  }

  add(contact: Contact, isChosen: boolean): void {
    this.#neighbours.set(contact.id, { contact, isChosen });
  }

  /** @returns the node. `undefined`: it is not a neighbour. */
  remove(id: string): Contact | undefined {
    const neighbour = this.#neighbours.get(id);
    this.#neighbours.delete(id);
    return neighbour?.contact;
  }

  /** One at random, but for some. */
  oneBut(...ids: readonly (string | undefined)[]): string | undefined {
    return this.#oneOf(this.ids.filter((id) => !ids.includes(id)));
  }

  /** So many at random of those that fit. */
  sample(count: number, fits: (contact: Contact) => boolean): Contact[] {
    const pool = new ContactSet<Contact>(this.size, this.#random);
    for (const { contact } of this.#neighbours.values()) if (fits(contact)) pool.add(contact);
    return pool.sample(count);
  }

  /** How many neighbours others can make this node drop. */
  get droppable(): number {
    return this.#droppable.length;
  }

  /**
   * Removes one at random: of those that others can make it drop, if there are any and it is not the node's own wish.
   */
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
