import type { SharedFrame } from '../send/shared-frame.ts';

/** Hands a piece to a link. */
export interface PieceLink {
  send(bytes: Uint8Array, sent: () => void): boolean;
}

/** Memory of a piece beside its bytes. */
export const pieceCostBytes = 128;

export interface KeptPieceOptions {
  readonly memory: Uint8Array;
  /** Where the piece begins in all that the session ever sent. */
  readonly start: number;
  readonly filled: number;
  /** The session may add more small pieces to it. */
  readonly isBlock?: boolean;
  /** Other connections keep the same memory. */
  readonly shared?: SharedFrame | undefined;
  /** Takes the memory back, for others to use. */
  readonly release?: (() => void) | undefined;
}

/**
 * One piece of what a session has sent.
 *
 * Two conditions must hold before others may use its memory: the other side has acknowledged all of it, and no link
 * holds it. A peer can acknowledge what it has not read, so its word alone frees nothing. A link that fails or is
 * destroyed never says that it is done. The piece then stays held, its memory is not used again, and the garbage
 * collector frees it.
 */
export class KeptPiece {
  readonly memory: Uint8Array;
  readonly start: number;
  readonly isBlock: boolean;
  filled: number;
  readonly #shared: SharedFrame | undefined;
  #release: (() => void) | undefined;
  /** How many times a link was handed a part of the piece, and has not said that it is done. */
  #timesHeld = 0;
  #isAcknowledged = false;

  constructor({ memory, start, filled, isBlock = false, shared, release }: KeptPieceOptions) {
    this.memory = memory;
    this.start = start;
    this.filled = filled;
    this.isBlock = isBlock;
    this.#shared = shared;
    this.#release = release;
    if (shared !== undefined) shared.holders += 1;
  }

  /** Where the next piece begins. */
  get end(): number {
    return this.start + this.filled;
  }

  /** What the piece costs this session. */
  get costBytes(): number {
    return this.memory.length + pieceCostBytes;
  }

  /** The part of that which counts here: sessions that share the memory split it. */
  get heldBytes(): number {
    return this.#shared === undefined ? this.costBytes : this.#shared.bytesEach + pieceCostBytes;
  }

  /** The bytes from a position of the session on. */
  from(position: number): Uint8Array {
    return this.memory.subarray(Math.max(0, position - this.start), this.filled);
  }

  /** Hands on what lies between two positions. @returns whether the link has room for more. */
  handTo(link: PieceLink, position: number, end: number): boolean {
    this.#timesHeld += 1;
    return link.send(this.from(position).subarray(0, end - position), this.#onSent);
  }

  /** The other side has all of the piece. The session keeps it no longer. */
  acknowledged(): void {
    this.#isAcknowledged = true;
    this.drop();
    this.#releaseIfFree();
  }

  /** The session keeps the piece no longer, though it may be on its way. Its memory is not used again. */
  drop(): void {
    if (this.#shared !== undefined) this.#shared.holders -= 1;
  }

  readonly #onSent = (): void => {
    this.#timesHeld -= 1;
    this.#releaseIfFree();
  };

  #releaseIfFree(): void {
    if (!this.#isAcknowledged || this.#timesHeld > 0) return;
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }
}
