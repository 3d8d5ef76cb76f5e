/** The most lost nodes that are remembered. If there are more, the earliest is forgotten. */
const maxLost = 32;

/** A node is forgotten after this many failed attempts. At the longest pause, this takes about two days. */
const maxFailures = 48;

/** The longest pause between two attempts, in rounds. */
const maxPauseRounds = 12;

/**
 * Nodes that were reached before and cannot be reached now. If the network broke into two parts, these nodes are in the
 * other part, and a link with one of them joins the parts again. One of them is tried at a time, with growing pauses
 * until one answers.
 */
export class LostNodes<Contact extends { readonly id: string }> {
  readonly #random: () => number;
  readonly #lost = new Map<string, { contact: Contact; failures: number }>();
  #pauseRounds = 1;
  #restRounds = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  get size(): number {
    return this.#lost.size;
  }

  has(id: string): boolean {
    return this.#lost.has(id);
  }

  /** A node cannot be reached, perhaps not for the first time. */
  add(contact: Contact): void {
    const entry = this.#lost.get(contact.id);
    if (entry !== undefined) {
      this.#failed(entry);
      return;
    }
    this.#lost.set(contact.id, { contact, failures: 0 });
    if (this.#lost.size <= maxLost) return;
    const [earliest] = this.#lost.keys();
    this.#lost.delete(earliest!);
  }

  /** The node was reached. @returns whether it was lost. */
  found(id: string): boolean {
    if (!this.#lost.delete(id)) return false;
    this.#pauseRounds = 1;
    this.#restRounds = 0;
    return true;
  }

  /** A round begins. @returns a node to try now. */
  next(): Contact | undefined {
    if (this.#lost.size === 0) return undefined;
    if (this.#restRounds > 0) {
      this.#restRounds -= 1;
      return undefined;
    }
    this.#restRounds = this.#pauseRounds - 1;
    return [...this.#lost.values()][Math.floor(this.#lost.size * this.#random())]!.contact;
  }

  #failed(entry: { contact: Contact; failures: number }): void {
    entry.failures += 1;
    if (entry.failures >= maxFailures) this.#lost.delete(entry.contact.id);
    this.#pauseRounds = Math.min(this.#pauseRounds * 2, maxPauseRounds);
  }
}
