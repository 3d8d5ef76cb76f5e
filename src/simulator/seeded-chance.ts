import { sha256 } from '@noble/hashes/sha2.js';

/** Numbers and bytes that a seed decides. Anybody who knows the seed knows them: never use them outside simulations. */
export interface ChanceStream {
  /** The next number: at least 0, and less than 1. */
  random(): number;
  /** The next `length` bytes. */
  bytes(length: number): Uint8Array;
}

/**
 * All chance of a simulation. There is one stream for each entity and purpose, and no stream depends on another. So
 * a simulation without one node, or without one kind of fault, draws the same numbers for everything else.
 */
export class SeededChance {
  readonly seed: number;
  /** By entity, then by purpose. */
  readonly #streams = new Map<string, Map<string, ChanceStream>>();

  /** @param seed any whole number. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a whole number, not ${seed}`);
    this.seed = seed;
  }

  /** The first number of a stream, which is not kept. */
  once(entity: string, purpose: string): number {
    return this.fresh(entity, purpose).random();
  }

  /** A stream from its beginning, for a caller that keeps it. */
  fresh(entity: string, purpose: string): ChanceStream {
    return new Sfc32(JSON.stringify([this.seed, entity, purpose]));
  }

  /** The stream of an entity, such as a node, for a purpose: the same object each time. */
  stream(entity: string, purpose: string): ChanceStream {
    let streams = this.#streams.get(entity);
    if (streams === undefined) {
      streams = new Map();
      this.#streams.set(entity, streams);
    }
    let stream = streams.get(purpose);
    if (stream === undefined) {
      stream = this.fresh(entity, purpose);
      streams.set(purpose, stream);
    }
    return stream;
  }
}

/** sfc32 of Chris Doty-Humphrey's PractRand: a small, fast generator whose whole-number steps are equal everywhere. */
class Sfc32 implements ChanceStream {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(key: string) {
    const digest = sha256(new TextEncoder().encode(key));
    const words = new DataView(digest.buffer, digest.byteOffset);
    this.#a = words.getInt32(0);
    this.#b = words.getInt32(4);
    this.#c = words.getInt32(8);
  }

  random(): number {
    // 53 bits, as many as a number holds.
    const high = this.#next() >>> 5;
    const low = this.#next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let word = 0;
    for (let index = 0; index < length; index++) {
      word = index % 4 === 0 ? this.#next() : word >>> 8;
      bytes[index] = word;
    }
    return bytes;
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}
