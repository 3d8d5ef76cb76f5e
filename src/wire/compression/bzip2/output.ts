/** A buffer that grows at its end, up to a bound. It never takes more than twice the memory of its content. */
export class Output {
  readonly #maxBytes: number;
  readonly #subject: string;
  #bytes: Uint8Array;
  #length = 0;

  constructor(maxBytes: number, { firstBytes = 1024, subject = 'it' } = {}) {
    this.#maxBytes = maxBytes;
    this.#subject = subject;
    this.#bytes = new Uint8Array(Math.min(maxBytes, firstBytes));
  }

  get length(): number {
    return this.#length;
  }

  /** A view of all bytes so far. Later bytes may be written to other memory. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** @throws Error at the bound. */
  push(byte: number): void {
    if (this.#length === this.#bytes.length) this.#grow(this.#length + 1);
    this.#bytes[this.#length++] = byte;
  }

  /** The same byte `count` times. @throws Error at the bound. */
  fill(byte: number, count: number): void {
    const end = this.#length + count;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.fill(byte, this.#length, end);
    this.#length = end;
  }

  #grow(needed: number): void {
    if (needed > this.#maxBytes) throw new Error(`${this.#subject} is larger than ${this.#maxBytes} bytes`);
    const grown = new Uint8Array(Math.min(this.#maxBytes, Math.max(needed, 2 * this.#bytes.length)));
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}
