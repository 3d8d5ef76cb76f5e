/**
 * Letters of one neighbour that are under way at a time, and what they take until all neighbours have them: there is
 * room for one of the longest.
 */
const maxErrands = 1_024;
const maxErrandBytes = 9 * 1024 * 1024;

/** Letters of all neighbours together. */
const maxAllErrands = 8_192;

/** What a letter takes beside its frames. */
const letterBytes = 512;

/** The frame of a letter, and the frames of the links that it is cut into. */
const copies = 2;

interface Load {
  count: number;
  bytes: number;
}

/** A place for a letter, from the moment it comes. */
export interface Place {
  /** All neighbours have the letter: its bytes do not count any more. */
  given(): void;
  /** Nothing more comes of it. */
  leave(): void;
}

/**
 * Room for what neighbours have this node pass on, by the neighbour that brings it: one that brings very much is refused,
 * and nobody else.
 */
export class ErrandPlaces {
  /** Told of what is kept anew. */
  onGrowth: (bytes: number) => void = () => {};
  readonly #maxBytes: number;
  readonly #loads = new Map<string, Load>();
  readonly #all: Load = { count: 0, bytes: 0 };

  /** @param maxBytes of all neighbours together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of all letters that some neighbour does not have yet. */
  get heldBytes(): number {
    return this.#all.bytes;
  }

  /**
   * Takes a place for a letter.
   *
   * @param frameBytes how long its frame is.
   * @returns `undefined`: there is no room.
   */
  take(origin: string, frameBytes: number): Place | undefined {
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
    const leave = (): void => {
      add(-1);
      count = bytes = 0;
      if (load.count === 0) this.#loads.delete(origin);
    };
    return { given, leave };
  }
}
