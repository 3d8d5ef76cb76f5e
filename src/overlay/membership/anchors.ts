/**
 * The number of anchors of a node. With only one, greedy liars cut off about three times the number of honest nodes.
 */
const wantedAnchors = 2;

/** How many nodes may use the same node as an anchor. Joining nodes know few others, and often the same ones. */
export const maxAnchored = 4;

export interface AnchorsOptions<Contact> {
  /** Returns a random node that fits, from a sample that other nodes cannot influence. */
  readonly choose: (fits: (contact: Contact) => boolean) => Contact | undefined;
  readonly isConnected: (id: string) => boolean;
  /** Whether the link with an anchor still exists. */
  readonly isKept: (id: string) => boolean;
  /**
   * Connects with a node, and keeps the link. {@link Anchors.up} or {@link Anchors.failed} must be called afterwards.
   */
  readonly connect: (contact: Contact) => void;
}

/**
 * Links that a node chooses itself, beside its neighbours. Over them, broadcasts reach the node even if all its
 * neighbours are liars, which pass nothing on. Liars become neighbours easily, because they accept every node that
 * asks. This does not help them to become anchors: a node chooses its anchors from its min-wise sample, and keeps them
 * until their links end, so later nodes cannot replace them. Heilman, Kendler, Zohar and Goldberg (Eclipse attacks on
 * Bitcoin's peer-to-peer network, USENIX Security 2015) recommend such links against eclipses.
 */
export class Anchors<Contact extends { readonly id: string }> {
  readonly #options: AnchorsOptions<Contact>;
  readonly #ids = new Set<string>();
  #connecting: string | undefined;

  constructor(options: AnchorsOptions<Contact>) {
    this.#options = options;
  }

  get ids(): readonly string[] {
    return [...this.#ids];
  }

  /** A period has passed. Looks for one anchor if there are too few. */
  round(): void {
    const { choose, isConnected, isKept, connect } = this.#options;
    for (const id of this.#ids) if (!isKept(id)) this.#ids.delete(id);
    if (this.#ids.size >= wantedAnchors || this.#connecting !== undefined) return;
    const contact = choose(({ id }) => !isConnected(id));
    this.#connecting = contact?.id;
    if (contact !== undefined) connect(contact);
  }

  up(): void {
    if (this.#connecting !== undefined) this.#ids.add(this.#connecting);
    this.#connecting = undefined;
  }

  failed(): void {
    this.#connecting = undefined;
  }
}
