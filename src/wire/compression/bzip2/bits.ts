/** Reads numbers of up to 24 bits, the most significant bit first. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #position = 0;
  /** The last bytes taken; the lowest `#held` bits are not read yet, those above are stale. */
  #buffer = 0;
  #held = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @throws Error when there are fewer than `count` bits left. */
  read(count: number): number {
    const bits = this.peek(count);
    this.#held -= count;
    return bits;
  }

  /** Returns the next bits without consuming them. */
  peek(count: number): number {
    while (this.#held < count) {
      if (this.#position === this.#bytes.length) throw new Error('it is cut short');
      this.#buffer = (this.#buffer << 8) | this.#bytes[this.#position++]!;
      this.#held += 8;
    }
    return (this.#buffer >>> (this.#held - count)) & ((1 << count) - 1);
  }

  /** Consumes bits that were peeked at. */
  skip(count: number): void {
    this.#held -= count;
  }

  /** Whole bytes after the one that is being read. */
  get bytesLeft(): number {
    return this.#bytes.length - this.#position + (this.#held >> 3);
  }
}

/** Writes numbers of up to 24 bits, the most significant bit first. */
export class BitWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #buffer = 0;
  #held = 0;

  write(value: number, count: number): void {
    this.#buffer = (this.#buffer << count) | value;
    this.#held += count;
    while (this.#held >= 8) {
      this.#held -= 8;
      if (this.#length === this.#bytes.length) this.#grow();
      this.#bytes[this.#length++] = this.#buffer >>> this.#held;
    }
  }

  /** Everything that was written, padded with zeros to a whole byte. */
  finish(): Uint8Array {
    if (this.#held > 0) this.write(0, 8 - this.#held);
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(): void {
    const grown = new Uint8Array(2 * this.#bytes.length);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
