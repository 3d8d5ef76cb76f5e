import { Journal } from './journal.ts';
import type { Turn } from './tape.ts';

/**
 * The last turns of a node whose recording has ended. They are written to two files alternately: when one is full, the
 * other is emptied and used. They cannot be replayed, because earlier turns are missing.
 */
export class Ring {
  readonly #path: string;
  readonly #maxBytes: number;
  #journal: Journal | undefined;
  #next = 1;
  /** The files that are full, but to which waiting lines are still being written. */
  readonly #closing = new Set<number>();
  #closed: Promise<unknown> = Promise.resolve();
  #hasFailed = false;

  /** @param maxBytes the most bytes of each of the two files. */
  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** Resolves when everything is written. */
  get closed(): Promise<unknown> {
    return this.#closed;
  }

  add(turn: Turn): void {
    if (this.#hasFailed) return;
    this.#journal ??= this.#open();
    if (this.#journal?.add(turn) !== 'full' || this.#closing.has(this.#next)) return;
    this.#close(this.#journal, 'the other file goes on');
    this.#journal = this.#open();
    // A turn that is too long for an empty file is left out.
    this.#journal?.add(turn);
  }

  #close(journal: Journal, why: string): void {
    const index = 3 - this.#next;
    this.#closing.add(index);
    journal.end({ end: why });
    void journal.closed.then(() => this.#closing.delete(index));
  }

  end(): void {
    this.#hasFailed = true;
    this.#journal?.end({ end: 'the node has stopped' });
  }

  #open(): Journal | undefined {
    const path = `${this.#path}.${this.#next}`;
    this.#next = 3 - this.#next;
    const onFailure = (): void => {
      this.#hasFailed = true;
    };
    try {
      const journal = new Journal(path, this.#maxBytes, onFailure);
      this.#closed = Promise.all([this.#closed, journal.closed]);
      return journal;
    } catch {
      this.#hasFailed = true;
      return undefined;
    }
  }
}
