/** The first memory of a cut message, which then grows: a false length costs no more than this. */
const firstAllocationBytes = 1024 * 1024;

/** Then by this factor: to 4 MiB, and to the 16 MiB of the longest message. A little more is not worth another step. */
const growth = 4;

export interface CutMessage {
  readonly kind: number;
  readonly format: number;
  readonly compression: number;
  /** Bytes of the body in all. */
  readonly totalBytes: number;
  /** Where its first frame began. */
  readonly start: number;
}

/** A cut message under way; its parts are written straight into its memory. */
export class MessageParts {
  readonly message: CutMessage;
  readonly #allocate: (length: number) => Uint8Array<ArrayBuffer>;
  #body: Uint8Array<ArrayBuffer>;
  #filled = 0;

  constructor(message: CutMessage, allocate: (length: number) => Uint8Array<ArrayBuffer>) {
    this.message = message;
    this.#allocate = allocate;
    this.#body = allocate(Math.min(message.totalBytes, firstAllocationBytes));
  }

  /** The memory set aside for it. */
  get heldBytes(): number {
    return this.#body.length;
  }

  get missingBytes(): number {
    return this.message.totalBytes - this.#filled;
  }

  /** All of it, once nothing is missing. */
  get body(): Uint8Array<ArrayBuffer> {
    return this.#body;
  }

  /** Where its next bytes belong, so many at the most. */
  target(maxBytes: number): Uint8Array<ArrayBuffer> {
    this.#grow(this.#filled + 1);
    return this.#body.subarray(this.#filled, this.#filled + maxBytes);
  }

  add(piece: Uint8Array): void {
    this.#grow(this.#filled + piece.length);
    place(piece, this.#body, this.#filled);
    this.#filled += piece.length;
  }

  /** The memory is never more than four times what has arrived, and a MiB. */
  #grow(needed: number): void {
    if (needed <= this.#body.length) return;
    const { totalBytes } = this.message;
    const larger = Math.max(needed, growth * this.#body.length);
    const length = totalBytes <= larger + firstAllocationBytes ? totalBytes : larger;
    const grown = this.#allocate(length);
    grown.set(this.#body.subarray(0, this.#filled));
    this.#body = grown;
  }
}

/** Copies a piece, unless it was read into its place. */
export function place(piece: Uint8Array, memory: Uint8Array, offset: number): void {
  if (piece.buffer !== memory.buffer) memory.set(piece, offset);
}
