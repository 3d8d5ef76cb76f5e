import { PeerloomError } from '../../base/errors.ts';
import { ChunkPool } from '../send/chunk-pool.ts';
import type { SharedFrame } from '../send/shared-frame.ts';
import { KeptPiece, type PieceLink } from './kept-piece.ts';

/** Small pieces are copied one after another into blocks, so that a tiny piece costs no more than its bytes. */
const blockBytes = 16 * 1024;
const smallBytes = 4 * 1024;

/** At most 8 MiB, for all sessions of the process. */
const blocks = new ChunkPool(blockBytes, 512);

/**
 * What a session has sent, until the other side has acknowledged it.
 *
 *    ── acknowledged ──┬── handed to the link ──┬── waiting ──┐
 *    acknowledgedBytes ┘            handedBytes ┘   sentBytes ┘
 */
export class KeptPieces {
  /** The pieces, starting with the first one that is not completely acknowledged. */
  #pieces: KeptPiece[] = [];
  /** Pieces that an ending session never gave to a link. */
  #unsent: KeptPiece[] = [];
  /** The index of the piece that the link gets next. */
  #next = 0;
  #acknowledgedBytes = 0;
  #handedBytes = 0;
  #sentBytes = 0;
  #costBytes = 0;
  #isInPiece = false;

  /** The memory that all pieces take. */
  get costBytes(): number {
    return this.#costBytes;
  }

  /** The same, but memory that several sessions share is split between them. */
  get heldBytes(): number {
    return heldBytesOf(this.#pieces) + heldBytesOf(this.#unsent);
  }

  /** Whether something waits for the link. */
  get hasNext(): boolean {
    return this.#handedBytes < this.#sentBytes;
  }

  /**
   * @param release called once neither this session nor a link needs the memory any more.
   * @param shared set if other sessions keep the same memory.
   * @returns the bytes of memory that this adds.
   */
  push(bytes: Uint8Array, release?: () => void, shared?: SharedFrame): number {
    const costBytes = this.#costBytes;
    if (bytes.length <= smallBytes) {
      this.#join(bytes);
      release?.();
    } else if (2 * bytes.length < bytes.buffer.byteLength) {
      // A small part of a large buffer would keep all of the buffer alive.
      this.#add(new KeptPiece({ memory: bytes.slice(), start: this.#sentBytes, filled: bytes.length }));
      release?.();
    } else {
      const { length: filled } = bytes;
      this.#add(new KeptPiece({ memory: bytes, start: this.#sentBytes, filled, release, shared }));
    }
    this.#sentBytes += bytes.length;
    return this.#costBytes - costBytes;
  }

  /**
   * Gives the next piece, or the beginning of it, to a link. Call it only if {@link KeptPieces.hasNext}.
   *
   * @returns whether the link has room for more.
   */
  handNextTo(link: PieceLink, maxBytes: number): boolean {
    const position = this.#handedBytes;
    const piece = this.#pieces[this.#next]!;
    this.#handedBytes = Math.min(piece.end, position + maxBytes);
    this.#isInPiece = this.#handedBytes < piece.end;
    if (!this.#isInPiece) this.#next += 1;
    return piece.handTo(link, position, this.#handedBytes);
  }

  /** Whether the link has only part of a piece, perhaps of a frame. Nothing else may be sent before the rest. */
  get isInPiece(): boolean {
    return this.#isInPiece;
  }

  /**
   * The other side has everything up to a position.
   *
   * @returns false if this was acknowledged before.
   * @throws PeerloomError `ERR_PROTOCOL` if the link was not given that much.
   */
  acknowledge(position: number): boolean {
    if (position > this.#handedBytes) {
      throw new PeerloomError('ERR_PROTOCOL', 'the other side acknowledged bytes that were not sent');
    }
    if (position <= this.#acknowledgedBytes) return false;
    this.#acknowledgedBytes = position;
    const whole = this.#wholeUpTo(position);
    this.#next -= whole;
    for (const piece of this.#pieces.splice(0, whole)) {
      this.#costBytes -= piece.costBytes;
      piece.acknowledged();
    }
    return true;
  }

  /** Whether the other side has acknowledged bytes after a position. */
  isPast(position: number): boolean {
    return position < this.#acknowledgedBytes;
  }

  /** Whether everything after a position is still kept. */
  has(position: number): boolean {
    return !this.isPast(position) && position <= this.#sentBytes;
  }

  /** Starts again from a position: the next link gets everything after it. */
  rewind(position: number): void {
    this.#handedBytes = position;
    this.#next = this.#wholeUpTo(position);
    this.#isInPiece = this.hasNext && position > this.#pieces[this.#next]!.start;
  }

  /** Keeps bytes that no link will get, after everything that was sent. */
  keepUnsent(bytes: Uint8Array, shared?: SharedFrame): void {
    this.#unsent.push(new KeptPiece({ memory: bytes, start: this.#sentBytes, filled: bytes.length, shared }));
  }

  /** The unacknowledged whole frames, starting at the beginning of a message. */
  unacknowledged(): Uint8Array[] {
    return [...this.#pieces, ...this.#unsent].map((piece) => piece.from(this.#acknowledgedBytes));
  }

  /** Drops everything. Call it once the session is over and the user knows what was not acknowledged. */
  clear(): void {
    for (const piece of [...this.#pieces, ...this.#unsent]) piece.drop();
    this.#pieces = [];
    this.#unsent = [];
    this.#next = this.#costBytes = 0;
    this.#handedBytes = this.#acknowledgedBytes = this.#sentBytes;
  }

  #join(bytes: Uint8Array): void {
    let last = this.#pieces.at(-1);
    if (last === undefined || !last.isBlock || last.filled + bytes.length > blockBytes) {
      const memory = blocks.take();
      const release = (): void => blocks.give(memory);
      last = this.#add(new KeptPiece({ memory, start: this.#sentBytes, filled: 0, isBlock: true, release }));
    } else if (this.#next === this.#pieces.length) {
      this.#next -= 1;
    }
    last.memory.set(bytes, last.filled);
    last.filled += bytes.length;
  }

  #add(piece: KeptPiece): KeptPiece {
    this.#pieces.push(piece);
    this.#costBytes += piece.costBytes;
    return piece;
  }

  /** How many pieces end at or before a position. */
  #wholeUpTo(position: number): number {
    const index = this.#pieces.findIndex(({ end }) => end > position);
    return index < 0 ? this.#pieces.length : index;
  }
}

function heldBytesOf(pieces: readonly KeptPiece[]): number {
  return pieces.reduce((bytes, piece) => bytes + piece.heldBytes, 0);
}
