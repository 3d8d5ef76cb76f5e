import { PeerloomError } from '../errors.ts';

/** What a piece costs beside its bytes. */
const pieceCostBytes = 128;

interface Kept {
  readonly bytes: Uint8Array;
  readonly sent: (() => void) | undefined;
  /** Where they begin in all that was ever sent. */
  readonly start: number;
}

/**
 * What a session has sent, until the other side has acknowledged it.
 *
 *    ── acknowledged ──┬── handed to the link ──┬── waiting ──┐
 *    acknowledgedBytes ┘                  #next ┘   sentBytes ┘
 */
export class KeptPieces {
  #pieces: Kept[] = [];
  #next = 0;
  #acknowledgedBytes = 0;
  #sentBytes = 0;

  /** The memory that it takes, with what that costs. */
  get costBytes(): number {
    return this.#sentBytes - this.#acknowledgedBytes + this.#pieces.length * pieceCostBytes;
  }

  get hasNext(): boolean {
    return this.#next < this.#pieces.length;
  }

  /** @param sent called once the bytes are not needed any more. */
  push(bytes: Uint8Array, sent: (() => void) | undefined): void {
    const start = this.#sentBytes;
    this.#sentBytes += bytes.length;
    // A small part of a large piece of memory would keep all of it.
    if (2 * bytes.length < bytes.buffer.byteLength) {
      this.#pieces.push({ bytes: bytes.slice(), sent: undefined, start });
      sent?.();
    } else {
      this.#pieces.push({ bytes, sent, start });
    }
  }

  /** The next piece for the link; only where {@link KeptPieces.hasNext}. */
  next(): Uint8Array {
    return this.#pieces[this.#next++]!.bytes;
  }

  /**
   * The other side has everything up to a position.
   *
   * @returns false: it said so before.
   * @throws PeerloomError `ERR_PROTOCOL` for what the link was not given.
   */
  acknowledge(position: number): boolean {
    if (position > (this.#pieces[this.#next]?.start ?? this.#sentBytes)) {
      throw new PeerloomError('ERR_PROTOCOL', 'an acknowledgement of what was not sent');
    }
    if (position <= this.#acknowledgedBytes) return false;
    this.#acknowledgedBytes = position;
    const whole = this.#wholeUpTo(position);
    this.#next -= whole;
    for (const { sent } of this.#pieces.splice(0, whole)) sent?.();
    return true;
  }

  /** What follows a position is there. */
  has(position: number): boolean {
    return position >= this.#acknowledgedBytes && position <= this.#sentBytes;
  }

  /** Goes back to a position that it has. @returns the rest of the piece that it lies in, if it lies in one. */
  rewind(position: number): Uint8Array | undefined {
    this.#next = this.#wholeUpTo(position);
    const first = this.#pieces[this.#next];
    if (first === undefined || first.start >= position) return undefined;
    this.#next += 1;
    return first.bytes.subarray(position - first.start);
  }

  /** Takes what waits for the link. */
  takeRest(): Uint8Array[] {
    const rest = this.#pieces.slice(this.#next).map(({ bytes }) => bytes);
    this.#next = this.#pieces.length;
    return rest;
  }

  /** What is not acknowledged: whole frames, from the beginning of a message on. */
  unacknowledged(): Uint8Array[] {
    return this.#pieces.map(({ bytes, start }) =>
      bytes.subarray(Math.max(0, this.#acknowledgedBytes - start)),
    );
  }

  /** How many pieces end at or before a position. */
  #wholeUpTo(position: number): number {
    const index = this.#pieces.findIndex(({ start, bytes }) => start + bytes.length > position);
    return index < 0 ? this.#pieces.length : index;
  }
}
