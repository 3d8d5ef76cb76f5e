import { bytesToHex } from '@noble/hashes/utils.js';
import { sha256Bytes } from '../../../base/sha256.ts';
import { writeVarint } from './varint.ts';

export const idBytes = 32;
const wordsPerId = idBytes / 4;

/** The length of a fingerprint in bytes. */
export const fingerprintBytes = 16;

/** A position between two items, before all items, or after all items. */
export interface Bound {
  /** The timestamp. `Infinity` for the bound after all items. */
  readonly timestamp: number;
  /** The first bytes of an id. Missing bytes are zero. */
  readonly prefix: Uint8Array;
}

const firstCapacity = 64;

/**
 * Ids in the order of their timestamps, and then of their bytes. Everything is in arrays of numbers: 72 bytes for each
 * item, and up to the same again as room to grow.
 *
 * The fingerprint of a range uses the sum of its ids. The sums of the ids before each item are kept, so the sum of a
 * range is one subtraction, however long the range is. Sums are computed when first needed. If an item is added or
 * removed, they are computed again from there on.
 */
export class OrderedIds {
  #times = new Float64Array(firstCapacity);
  #ids = new Uint8Array(firstCapacity * idBytes);
  /** For each item, the sum of the ids before it, as a little-endian number modulo 2^256. */
  #sums = new Uint32Array((firstCapacity + 1) * wordsPerId);
  /** The index of the first item in use. It moves when the earliest items are removed, so that others need not move. */
  #start = 0;
  #end = 0;
  /** The sums up to this index are valid. */
  #summedTo = 0;

  get size(): number {
    return this.#end - this.#start;
  }

  get heldBytes(): number {
    return this.#times.byteLength + this.#ids.byteLength + this.#sums.byteLength;
  }

  timeAt(index: number): number {
    return this.#times[this.#start + index]!;
  }

  /** Returns the id at an index. The bytes change when items are added or removed, so copy what you keep. */
  idAt(index: number): Uint8Array {
    const at = (this.#start + index) * idBytes;
    return this.#ids.subarray(at, at + idBytes);
  }

  hexAt(index: number): string {
    return bytesToHex(this.idAt(index));
  }

  /** @param timestamp a whole number from 0 to 2^53 - 1. */
  add(timestamp: number, id: Uint8Array): void {
    if (this.#end === this.#times.length) this.#makeRoom();
    const at = this.#start + this.indexOf({ timestamp, prefix: id });
    this.#times.copyWithin(at + 1, at, this.#end);
    this.#ids.copyWithin((at + 1) * idBytes, at * idBytes, this.#end * idBytes);
    this.#times[at] = timestamp;
    this.#ids.set(id, at * idBytes);
    this.#end += 1;
    this.#summedTo = Math.min(this.#summedTo, at);
  }

  removeFirst(count: number): void {
    this.#start += count;
    // Only differences of sums count, so the first sum may have any value.
    this.#summedTo = Math.max(this.#summedTo, this.#start);
  }

  /** Returns the index of the first item between `from` and `to` that is not below the bound, or `to`. */
  indexOf({ timestamp, prefix }: Bound, from = 0, to = this.size): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const time = this.timeAt(middle);
      const isBelow = time < timestamp || (time === timestamp && this.#isIdBelow(middle, prefix));
      if (isBelow) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Returns 16 bytes that are equal only for equal ids: the specification's digest of their sum and number. */
  fingerprint(from: number, to: number): Uint8Array {
    this.#sumTo(this.#start + to);
    const hashed = new DataView(new ArrayBuffer(idBytes));
    let borrow = 0;
    for (let word = 0; word < wordsPerId; word++) {
      const high = this.#sums[(this.#start + to) * wordsPerId + word]!;
      const low = this.#sums[(this.#start + from) * wordsPerId + word]!;
      const difference = high - low - borrow;
      borrow = difference < 0 ? 1 : 0;
      hashed.setUint32(word * 4, difference, true);
    }
    const count: number[] = [];
    writeVarint(count, to - from);
    const bytes = new Uint8Array(idBytes + count.length);
    bytes.set(new Uint8Array(hashed.buffer));
    bytes.set(count, idBytes);
    return sha256Bytes(bytes).subarray(0, fingerprintBytes);
  }

  /** Whether an id is below a bound. The missing bytes of `prefix` are zero, and no id is below zero. */
  #isIdBelow(index: number, prefix: Uint8Array): boolean {
    const ids = this.#ids;
    const start = (this.#start + index) * idBytes;
    for (let at = 0; at < prefix.length; at++) {
      const difference = ids[start + at]! - prefix[at]!;
      if (difference !== 0) return difference < 0;
    }
    return false;
  }

  #sumTo(end: number): void {
    const sums = this.#sums;
    const ids = new DataView(this.#ids.buffer);
    let word = this.#summedTo * wordsPerId;
    for (let item = this.#summedTo; item < end; item++) {
      let carry = 0;
      for (const idEnd = word + wordsPerId; word < idEnd; word++) {
        const sum = sums[word]! + ids.getUint32(word * 4, true) + carry;
        carry = sum > 0xffff_ffff ? 1 : 0;
        sums[word + wordsPerId] = sum;
      }
    }
    this.#summedTo = Math.max(this.#summedTo, end);
  }

  /** Moves the items to the beginning. If they fill more than half of the arrays, the arrays grow. */
  #makeRoom(): void {
    const { size } = this;
    const capacity = size * 2 > this.#times.length ? this.#times.length * 2 : this.#times.length;
    const times = new Float64Array(capacity);
    const ids = new Uint8Array(capacity * idBytes);
    times.set(this.#times.subarray(this.#start, this.#end));
    ids.set(this.#ids.subarray(this.#start * idBytes, this.#end * idBytes));
    this.#times = times;
    this.#ids = ids;
    this.#sums = new Uint32Array((capacity + 1) * wordsPerId);
    this.#start = 0;
    this.#end = size;
    this.#summedTo = 0;
  }
}
