import { maxIds } from './history-frames.ts';
import type { KeptBroadcasts } from './kept-broadcasts.ts';

/** Fetches the broadcasts that a peer has and this node lacks. It asks for them in order, a few at a time. */
export class Fetching {
  readonly #kept: KeptBroadcasts;
  #ids: readonly string[];
  #asked: readonly string[] = [];
  readonly #awaited = new Set<string>();

  constructor(kept: KeptBroadcasts, ids: readonly string[]) {
    this.#kept = kept;
    this.#ids = ids;
  }

  /** Returns the ids to ask for next. Empty if everything was asked for. */
  next(): readonly string[] {
    this.#awaited.clear();
    let at = 0;
    const asked: string[] = [];
    while (at < this.#ids.length && asked.length < maxIds) {
      const id = this.#ids[at++]!;
      // A broadcast that is already kept arrived live, or from another peer.
      if (!this.#kept.has(id)) asked.push(id);
    }
    this.#ids = this.#ids.slice(at);
    this.#asked = asked;
    for (const id of asked) this.#awaited.add(id);
    return asked;
  }

  /** Whether this broadcast was asked for and has not arrived. */
  takes(id: string): boolean {
    return this.#awaited.delete(id);
  }

  /**
   * The peer has sent all broadcasts that it has among the first `count` that it was asked for.
   *
   * @returns false if it does not send more.
   */
  answered(count: number): boolean {
    if (count < 1 || count > this.#asked.length) return false;
    this.#ids = [...this.#asked.slice(count), ...this.#ids];
    return true;
  }
}
