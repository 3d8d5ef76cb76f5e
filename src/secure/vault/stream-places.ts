/** Each stream holds some MiB. Beyond this number, readers receive chunks one by one. */
const maxStreams = 16;
/** The most streams of one node, so that it cannot take all places. */
const maxStreamsPerNode = 4;

/** Limits the streams of chunks that this node writes for others. */
export class StreamPlaces {
  /** The number of places of each node. */
  readonly #counts = new Map<string, number>();
  #total = 0;

  /** @returns false if all places are taken. Otherwise the place must be released later. */
  reserve(id: string): boolean {
    const count = this.#counts.get(id) ?? 0;
    if (this.#total === maxStreams || count === maxStreamsPerNode) return false;
    this.#counts.set(id, count + 1);
    this.#total += 1;
    return true;
  }

  release(id: string): void {
    const count = this.#counts.get(id)!;
    if (count === 1) this.#counts.delete(id);
    else this.#counts.set(id, count - 1);
    this.#total -= 1;
  }
}
