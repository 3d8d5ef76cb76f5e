import { sha256 } from '@noble/hashes/sha2.js';

/** Random numbers and bytes that a seed decides. They are not secret: never use them outside simulations. */
export interface ChanceStream {
  /** Returns the next number: at least 0, less than 1. */
  random(): number;
  /** Returns the next `length` bytes. */
  bytes(length: number): Uint8Array;
}

/**
 * All random numbers of a simulation. There is one stream for each entity and purpose, and streams do not depend on
 * each other. If a node or a kind of fault is left out, everything else still draws the same numbers.
 */
export class SeededChance {
  readonly seed: number;
  /** The streams by entity, then by purpose. */
  readonly #streams = new Map<string, Map<string, ChanceStream>>();

  /** @param seed any whole number. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a whole number, not ${seed}`);
    this.seed = seed;
  }

  /** Returns the first number of a stream, without keeping the stream. */
  once(entity: string, purpose: string): number {
    return this.fresh(entity, purpose).random();
  }

  /** Returns a stream from its beginning. The caller keeps it. */
  fresh(entity: string, purpose: string): ChanceStream {
    return new Sfc32(JSON.stringify([this.seed, entity, purpose]));
  }

  /** Returns the stream of an entity, such as a node, for a purpose. It is the same object each time. */
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

/**
 * sfc32 from Chris Doty-Humphrey's PractRand: a small, fast generator whose integer steps are the same on all engines.
 */
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
    // 53 bits: the precision of a number.
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
