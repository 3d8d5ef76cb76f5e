import { Tensor } from '../../tensors/tensor/tensor.ts';

/** A hash of 64 bits that is equal on every engine. It is fast, but not cryptographic. */
export class RunningHash {
  #one = 0x9e3779b9 | 0;
  #other = 0x85ebca6b | 0;
  static readonly #float = new Float64Array(1);
  static readonly #words = new Int32Array(RunningHash.#float.buffer);

  /** Adds a whole number. Only its lowest 32 bits count. */
  whole(value: number): this {
    const mixed = Math.imul(value ^ (value >>> 16), 0x7feb352d);
    this.#one = Math.imul(((this.#one << 13) | (this.#one >>> 19)) ^ mixed, 0x2c1b3c6d) + 0x52dce729;
    this.#other = Math.imul(((this.#other << 17) | (this.#other >>> 15)) + mixed, 0x297a2d39) ^ this.#one;
    return this;
  }

  /** Adds any number. */
  number(value: number): this {
    // Engines write NaN with different bits. The order of the two words depends on the machine's byte order, which is
    // the same on all machines that run JavaScript today.
    if (Number.isNaN(value)) return this.whole(0x7ff8).whole(0);
    RunningHash.#float[0] = value;
    return this.whole(RunningHash.#words[0]!).whole(RunningHash.#words[1]!);
  }

  text(text: string): this {
    const { length } = text;
    this.whole(length);
    // Two characters at a time.
    for (let index = 1; index < length; index += 2) {
      this.whole(text.charCodeAt(index - 1) | (text.charCodeAt(index) << 16));
    }
    return length % 2 === 0 ? this : this.whole(text.charCodeAt(length - 1));
  }

  bytes(bytes: Uint8Array): this {
    this.whole(bytes.length);
    for (let index = 0; index < bytes.length; index++) this.whole(bytes[index]!);
    return this;
  }

  /** The hash as 16 hexadecimal digits. */
  get digest(): string {
    return [this.#one, this.#other].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** 53 bits of the hash, as a whole number. */
  get number53(): number {
    return (this.#one >>> 0) * 2 ** 21 + (this.#other >>> 11);
  }
}

/** The hashes of the latest texts. They are kept because many nodes send and receive the same text. */
const recentTexts = new Map<string, number>();
const maxRecentTexts = 1_024;
const maxRecentLength = 4_096;

/** The hash of data that nodes send, as a whole number. Data that is equal when it arrives has the same hash. */
export function hashOfData(data: unknown): number {
  if (typeof data !== 'string' || data.length > maxRecentLength) return computedHash(data);
  const known = recentTexts.get(data);
  if (known !== undefined) return known;
  const hash = computedHash(data);
  if (recentTexts.size >= maxRecentTexts) recentTexts.clear();
  recentTexts.set(data, hash);
  return hash;
}

function computedHash(data: unknown): number {
  const hash = new RunningHash();
  addData(hash, data);
  return hash.number53;
}

function addData(hash: RunningHash, data: unknown): void {
  switch (typeof data) {
    case 'string':
      hash.whole(1).text(data);
      return;
    case 'number':
      // Negative zero arrives as zero, because JSON does not have it.
      hash.whole(2).number(data === 0 ? 0 : data);
      return;
    case 'bigint':
      hash.whole(3).text(data.toString());
      return;
    case 'boolean':
      hash.whole(data ? 4 : 5);
      return;
    case 'object':
      if (data === null) hash.whole(6);
      else addObject(hash, data);
      return;
    default:
      hash.whole(7);
  }
}

function addObject(hash: RunningHash, data: object): void {
  if (ArrayBuffer.isView(data)) {
    hash.whole(8).text(Object.prototype.toString.call(data));
    hash.bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  } else if (data instanceof Tensor) {
    hash.whole(12).text(`${data.dtype} ${data.shape}`).bytes(data.data);
  } else if (Array.isArray(data)) {
    hash.whole(9).whole(data.length);
    for (const item of data) addData(hash, item);
  } else {
    hash.whole(10);
    for (const [key, value] of Object.entries(data)) {
      // Undefined members are left out on the wire.
      if (value === undefined) continue;
      hash.text(key);
      addData(hash, value);
    }
    hash.whole(11);
  }
}
