/** The first memory of a cut message. It grows as parts arrive, so a false length costs no more than this. */
const firstAllocationBytes = 1024 * 1024;

/** The factor of growth: to 4 MiB, then to the 16 MiB of the longest message. */
const growth = 4;

export interface CutMessage {
  readonly kind: number;
  readonly format: number;
  readonly compression: number;
  /** The total length of the body. */
  readonly totalBytes: number;
  /** The position at which its first frame began. */
  readonly start: number;
}

/** A cut message that is being received. Its parts are written directly into its memory. */
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

  /** The memory allocated for it. */
  get heldBytes(): number {
    return this.#body.length;
  }

  get missingBytes(): number {
    return this.message.totalBytes - this.#filled;
  }

  /** The whole body, once nothing is missing. */
  get body(): Uint8Array<ArrayBuffer> {
    return this.#body;
  }

  /** The memory for its next bytes, at most `maxBytes` of it. */
  target(maxBytes: number): Uint8Array<ArrayBuffer> {
    this.#grow(this.#filled + 1);
    return this.#body.subarray(this.#filled, this.#filled + maxBytes);
  }

  add(piece: Uint8Array): void {
    this.#grow(this.#filled + piece.length);
    place(piece, this.#body, this.#filled);
    this.#filled += piece.length;
  }

  /** Grows the memory, which never exceeds four times what has arrived plus 1 MiB. */
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

/** Copies a piece, unless it was read directly into its place. */
export function place(piece: Uint8Array, memory: Uint8Array, offset: number): void {
  if (piece.buffer !== memory.buffer) memory.set(piece, offset);
}
