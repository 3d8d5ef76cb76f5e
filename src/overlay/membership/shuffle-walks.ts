/** Walks that a node passed on and whose answers may still come. Beyond them the earliest are forgotten. */
const maxWalks = 256;

/**
 * The ways back of the shuffles that a node has passed on: an answer takes the way of its walk, with no link of its
 * own.
 */
export class ShuffleWalks {
  /** By the walk and the neighbour that it went on to, the neighbour that it came from. */
  readonly #ways = new Map<string, string>();

  get size(): number {
    return this.#ways.size;
  }

  passedOn(walk: number, { from, to }: { from: string; to: string }): void {
    this.#ways.set(keyOf(walk, to), from);
    if (this.#ways.size <= maxWalks) return;
    const [earliest] = this.#ways.keys();
    this.#ways.delete(earliest!);
  }

  /**
   * The neighbour that an answer goes to. `undefined`: no such walk went to the neighbour that the answer came from.
   */
  wayBack(walk: number, from: string): string | undefined {
    const key = keyOf(walk, from);
    const back = this.#ways.get(key);
    this.#ways.delete(key);
    return back;
  }
}

function keyOf(walk: number, to: string): string {
  return `${walk} ${to}`;
}
