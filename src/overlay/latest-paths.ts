/**
 * The most origins whose path is remembered, since ids cost nothing. The origin heard least recently is evicted first.
 */
const maxOrigins = 4_096;

/** The approximate memory of an origin and its path. */
const pathBytes = 200;

/** How the latest broadcast of an origin reached this node. */
export interface Path {
  /** The id of the peer that passed it on. */
  readonly via: string;
  /** The number of links over which it came, as reported by the nodes in between. */
  readonly hops: number;
  readonly arrivedAtMs: number;
}

/** Remembers through which peers the latest broadcasts of other nodes came. */
export class LatestPaths {
  readonly #onGrowth: (bytes: number) => void;
  /** The paths by origin. The origin heard most recently comes last. */
  readonly #byOrigin = new Map<string, Path>();

  /** @param onGrowth called with the number of bytes that are newly kept. */
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
