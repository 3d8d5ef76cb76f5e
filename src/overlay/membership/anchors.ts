/** Anchors of a node. With one, greedy liars cut off about three times as many honest nodes. */
const wantedAnchors = 2;

/** Nodes that may have the same node for an anchor: those that join know few others, and often the same ones. */
export const maxAnchored = 4;

export interface AnchorsOptions<Contact> {
  /** One at random of the nodes that fit, and that others cannot make this node choose. */
  readonly choose: (fits: (contact: Contact) => boolean) => Contact | undefined;
  readonly isConnected: (id: string) => boolean;
  /** Whether the link with an anchor is still there. */
  readonly isKept: (id: string) => boolean;
  /** Connects with a node, and keeps the link. {@link Anchors.up} or {@link Anchors.failed} has to follow. */
  readonly connect: (contact: Contact) => void;
}

/**
 * Links of a node's own choice, beside its neighbours: broadcasts reach the node over them if all its neighbours are
 * liars, who pass on nothing. Liars get to be neighbours because they always have a place for whoever asks. They do not
 * become anchors more often for that: a node chooses its anchors from its min-wise sample, and keeps them for as long
 * as their links last, so nodes that come later push out none of them. Heilman, Kendler, Zohar and Goldberg (Eclipse
 * attacks on Bitcoin's peer-to-peer network, USENIX Security 2015) recommend such links against eclipses.
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

  /** A period has passed: looks for one anchor if there are too few. */
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
