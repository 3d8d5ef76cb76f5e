import { type Fingerprint, seededHash } from './fingerprint.ts';

/** Returned instead of the number of a record if there is none. */
export const none = 0xffff_ffff;

const firstCapacity = 64;

/**
 * Finds records by fingerprint. Each record takes 16 bytes and no objects. A record has a number, and the user of the
 * table keeps further data in its own arrays, by that number. There are two places for each record (open addressing,
 * linear probing, removal by backward shift: Knuth, volume 3, section 6.4, algorithm R).
 *
 * The place of a record depends on a seed as well, so an attacker cannot choose fingerprints that crowd together.
 */
export class FingerprintTable {
  #capacity = firstCapacity;
  #size = 0;
  readonly #seed: Fingerprint;
  readonly #onGrowth: (capacity: number) => void;
  /** The low halves of the fingerprints. For a free record, the number of the next free record. */
  #low = new Uint32Array(firstCapacity);
  #high = new Uint32Array(firstCapacity);
  /** The number of the record in each place. */
  #places = emptyPlaces(firstCapacity);
  #firstFree = none;
  /** The number of the first record that was never used. */
  #unused = 0;

  /** @param onGrowth called with the capacity, immediately and whenever it grows. */
  constructor(seed: Fingerprint, onGrowth: (capacity: number) => void) {
    this.#seed = seed;
    this.#onGrowth = onGrowth;
    onGrowth(firstCapacity);
  }

  /** The number of records for which there is memory. */
  get capacity(): number {
    return this.#capacity;
  }

  /** The number of records in use. */
  get size(): number {
    return this.#size;
  }

  get heldBytes(): number {
    return this.#low.byteLength + this.#high.byteLength + this.#places.byteLength;
  }

  /** @returns the number of the record, or {@link none}. */
  find({ low, high }: Fingerprint): number {
    for (let place = this.#firstPlaceOf(low, high); ; place = this.#after(place)) {
      const record = this.#places[place]!;
      if (record === none || (this.#low[record] === low && this.#high[record] === high)) return record;
    }
  }

  /** @returns the number of the new record. The fingerprint must not be there yet. */
  insert({ low, high }: Fingerprint): number {
    const record = this.#takeFree();
    this.#low[record] = low;
    this.#high[record] = high;
    this.#place(record);
    this.#size += 1;
    return record;
  }

  remove(record: number): void {
    let gap = this.#firstPlaceOf(this.#low[record]!, this.#high[record]!);
    while (this.#places[gap] !== record) gap = this.#after(gap);
    for (let place = this.#after(gap); this.#places[place] !== none; place = this.#after(place)) {
      const other = this.#places[place]!;
      const first = this.#firstPlaceOf(this.#low[other]!, this.#high[other]!);
      if (this.#distance(first, place) < this.#distance(gap, place)) continue;
      this.#places[gap] = other;
      gap = place;
    }
    this.#places[gap] = none;
    this.#low[record] = this.#firstFree;
    this.#firstFree = record;
    this.#size -= 1;
  }

  #takeFree(): number {
    const record = this.#firstFree;
    if (record !== none) {
      this.#firstFree = this.#low[record]!;
      return record;
    }
    if (this.#unused === this.#capacity) this.#grow();
    return this.#unused++;
  }

  /** Makes room for more records. Called when all are in use. */
  #grow(): void {
    this.#capacity *= 2;
    this.#low = grown(this.#low, this.#capacity);
    this.#high = grown(this.#high, this.#capacity);
    this.#places = emptyPlaces(this.#capacity);
    for (let record = 0; record < this.#unused; record++) this.#place(record);
    this.#onGrowth(this.#capacity);
  }

  #place(record: number): void {
    let place = this.#firstPlaceOf(this.#low[record]!, this.#high[record]!);
    while (this.#places[place] !== none) place = this.#after(place);
    this.#places[place] = record;
  }

  #firstPlaceOf(low: number, high: number): number {
    return seededHash(low, high, this.#seed) & (this.#places.length - 1);
  }

  #after(place: number): number {
    return (place + 1) & (this.#places.length - 1);
  }

  #distance(from: number, to: number): number {
    return (to - from) & (this.#places.length - 1);
  }
}

/** Returns a copy of the array with room for more numbers. */
export function grown<Numbers extends Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>>(
  numbers: Numbers,
  length: number,
): Numbers {
  const larger = new (numbers.constructor as new (length: number) => Numbers)(length);
  larger.set(numbers);
  return larger;
}

function emptyPlaces(capacity: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(capacity * 2).fill(none);
}
