import type { BitReader } from './bits.ts';
import { maxCodeBits } from './format.ts';

/**
 * Reads the code lengths of a table. Each is coded as the difference from the previous one.
 *
 * @throws Error for a length that the format does not allow, and for more steps than any length needs.
 */
export function readCodeLengths(bits: BitReader, symbolCount: number): Uint8Array {
  const lengths = new Uint8Array(symbolCount);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    let steps = 0;
    while (bits.read(1) === 1) {
      length += bits.read(1) === 0 ? 1 : -1;
      if (++steps > maxCodeBits) throw new Error('a block is damaged');
    }
    if (length < 1 || length > maxCodeBits) throw new Error('a block is damaged');
    lengths[symbol] = length;
  }
  return lengths;
}

/** Reads the symbols of a canonical Huffman code: shorter codes first, equal lengths in symbol order. */
export class HuffmanDecoder {
  /** The symbols in the order of their codes. */
  readonly #symbols: Uint16Array;
  /** For each length, the first value of `maxCodeBits` bits that begins with a longer code. */
  readonly #limits = new Uint32Array(maxCodeBits + 1);
  /** For each length, what to subtract from a code to get its place in `#symbols`. */
  readonly #offsets = new Int32Array(maxCodeBits + 1);
  readonly #shortest: number;

  constructor(lengths: Uint8Array) {
    this.#symbols = new Uint16Array(lengths.length);
    let code = 0;
    let place = 0;
    for (let length = 1; length <= maxCodeBits; length++) {
      this.#offsets[length] = code - place;
      for (let symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] !== length) continue;
        this.#symbols[place++] = symbol;
        code++;
      }
      this.#limits[length] = code * 2 ** (maxCodeBits - length);
      if (code > 2 ** length) throw new Error('a block is damaged');
      code *= 2;
    }
    this.#shortest = Math.min(...lengths);
  }

  /** @throws Error if the bits are not a code of the table, or if there are too few. */
  read(bits: BitReader): number {
    const ahead = bits.peek(maxCodeBits);
    let length = this.#shortest;
    while (ahead >= this.#limits[length]!) {
      if (++length > maxCodeBits) throw new Error('a block is damaged');
    }
    bits.skip(length);
    return this.#symbols[(ahead >>> (maxCodeBits - length)) - this.#offsets[length]!]!;
  }
}
