/** The most passed-on walks whose answers may still arrive. If there are more, the earliest are forgotten. */
const maxWalks = 256;

/**
 * The return paths of the shuffles that a node has passed on. An answer returns along the path of its walk, without a
 * new link.
 */
export class ShuffleWalks {
  /** The neighbour from which a walk came, by the walk and the neighbour to which it was passed on. */
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

  /** Returns the neighbour to which an answer goes. `undefined` if no such walk went to the neighbour that answers. */
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
