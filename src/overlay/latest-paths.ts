/** Origins whose latest broadcast is known. Ids are free to make: the one that was heard of longest ago goes first. */
const maxOrigins = 4_096;

/** An origin and its path take about so much. */
const pathBytes = 200;

/** How the latest broadcast of an origin came to this node. */
export interface Path {
  /** The id of the peer that passed it on. */
  readonly via: string;
  /** Over how many links it came, as the nodes between say. */
  readonly hops: number;
  readonly arrivedAtMs: number;
}

/** Over which peers the latest broadcasts of other nodes came. */
export class LatestPaths {
  readonly #onGrowth: (bytes: number) => void;
  /** Those heard of last come last. */
  readonly #byOrigin = new Map<string, Path>();

  /** @param onGrowth receives what is kept anew, in bytes. */
  constructor(onGrowth: (bytes: number) => void) {
    this.#onGrowth = onGrowth;
  }

  get heldBytes(): number {
    return this.#byOrigin.size * pathBytes;
  }

  heard(origin: string, path: Path): void {
    if (!this.#byOrigin.delete(origin)) this.#onGrowth(pathBytes);
    this.#byOrigin.set(origin, path);
    if (this.#byOrigin.size > maxOrigins) this.#byOrigin.delete(this.#byOrigin.keys().next().value!);
  }

  find(origin: string): Path | undefined {
    return this.#byOrigin.get(origin);
  }
}
