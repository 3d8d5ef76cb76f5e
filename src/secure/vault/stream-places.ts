/** Each stream holds some MiB. Who asks beyond that is given chunks one by one. */
const maxStreams = 16;
/** So that no node keeps all others from streams. */
const maxStreamsPerNode = 4;

/** The streams of chunks that other nodes have this one write. */
export class StreamPlaces {
  /** How many each node has. */
  readonly #counts = new Map<string, number>();
  #total = 0;

  /** @returns false when there is no place; otherwise the place must be left again. */
  enter(id: string): boolean {
    const count = this.#counts.get(id) ?? 0;
    if (this.#total === maxStreams || count === maxStreamsPerNode) return false;
    this.#counts.set(id, count + 1);
    this.#total += 1;
    return true;
  }

  leave(id: string): void {
    const count = this.#counts.get(id)!;
    if (count === 1) this.#counts.delete(id);
    else this.#counts.set(id, count - 1);
    this.#total -= 1;
  }
}
