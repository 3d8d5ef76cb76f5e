/**
 * The most letters of one neighbour that may be under way at a time, and the memory that they may take until all
 * neighbours have them: enough for one letter of the greatest length.
 */
const maxErrands = 1_024;
const maxErrandBytes = 9 * 1024 * 1024;

/** The most letters of all neighbours together. */
const maxAllErrands = 8_192;

/** Bytes of memory that a letter takes in addition to its frames. */
const letterBytes = 512;

/** A letter is in memory twice: as its frame, and as the frames of the link into which that is cut. */
const copies = 2;

interface Load {
  count: number;
  bytes: number;
}

/** A place for a letter, reserved when it arrives. */
export interface Place {
  /** Call this when all neighbours have the letter, so that its bytes no longer count. */
  given(): void;
  /** Gives the place back. */
  release(): void;
}

/**
 * Limits the letters that this node passes on for its neighbours. A neighbour that brings too many is refused, without
 * effect on others.
 */
export class ErrandPlaces {
  /** Called with the memory that each new letter takes. */
  onGrowth: (bytes: number) => void = () => {};
  readonly #maxBytes: number;
  readonly #loads = new Map<string, Load>();
  readonly #all: Load = { count: 0, bytes: 0 };

  /** @param maxBytes the most bytes of the letters of all neighbours together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of all letters that at least one neighbour does not have yet. */
  get heldBytes(): number {
    return this.#all.bytes;
  }

  /**
   * Reserves a place for a letter.
   *
   * @param frameBytes the length of its frame.
   * @returns `undefined` if there is no room.
   */
  reserve(origin: string, frameBytes: number): Place | undefined {
    let bytes = letterBytes + copies * frameBytes;
    const load = this.#loads.get(origin) ?? { count: 0, bytes: 0 };
    const isWithin = load.count < maxErrands && load.bytes + bytes <= maxErrandBytes;
    if (!isWithin || this.#all.count === maxAllErrands) return undefined;
    if (this.#all.bytes + bytes > this.#maxBytes) return undefined;
    let count = 1;
    const add = (sign: 1 | -1): void => {
      for (const one of [load, this.#all]) {
        one.count += sign * count;
        one.bytes += sign * bytes;
      }
    };
    add(1);
    this.onGrowth(bytes);
    this.#loads.set(origin, load);
    const given = (): void => {
      load.bytes -= bytes;
      this.#all.bytes -= bytes;
      bytes = 0;
    };
    const release = (): void => {
      add(-1);
      count = bytes = 0;
      if (load.count === 0) this.#loads.delete(origin);
    };
    return { given, release };
  }
}
