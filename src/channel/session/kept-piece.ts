import type { SharedFrame } from '../send/shared-frame.ts';

/** Hands a piece to a link. */
export interface PieceLink {
  send(bytes: Uint8Array, sent: () => void): boolean;
}

/** Memory of a piece beside its bytes. */
export const pieceCostBytes = 128;

export interface KeptPieceOptions {
  readonly memory: Uint8Array;
  /** The position of the piece's first byte in everything that the session ever sent. */
  readonly start: number;
  readonly filled: number;
  /** Whether the session may append more small pieces. */
  readonly isBlock?: boolean;
  /** Set if other connections keep the same memory. */
  readonly shared?: SharedFrame | undefined;
  /** Returns the memory for reuse. */
  readonly release?: (() => void) | undefined;
}

/**
 * One piece of what a session has sent.
 *
 * Two conditions must hold before its memory may be reused: the other side has acknowledged all of it, and no link
 * holds it. A peer can acknowledge what it has not read, so an acknowledgement alone frees nothing. A link that fails
 * or is destroyed never reports that it no longer needs the memory. The memory is then not reused; the garbage
 * collector frees it.
 */
export class KeptPiece {
  readonly memory: Uint8Array;
  readonly start: number;
  readonly isBlock: boolean;
  filled: number;
  readonly #shared: SharedFrame | undefined;
  #release: (() => void) | undefined;
  /** How many times a link was given part of the piece and has not released it. */
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

  /** This session's share of that cost. Sessions that share the memory split it. */
  get heldBytes(): number {
    return this.#shared === undefined ? this.costBytes : this.#shared.bytesEach + pieceCostBytes;
  }

  /** The bytes from a position of the session to the end of the piece. */
  from(position: number): Uint8Array {
    return this.memory.subarray(Math.max(0, position - this.start), this.filled);
  }

  /** Gives the link the bytes between two positions. @returns whether the link has room for more. */
  handTo(link: PieceLink, position: number, end: number): boolean {
    this.#timesHeld += 1;
    return link.send(this.from(position).subarray(0, end - position), this.#onSent);
  }

  /** The other side has acknowledged the whole piece. The session no longer keeps it. */
  acknowledged(): void {
    this.#isAcknowledged = true;
    this.drop();
    this.#releaseIfFree();
  }

  /** The session no longer keeps the piece, though a link may still hold it. The memory is not reused. */
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
