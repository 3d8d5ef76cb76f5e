import { PeerloomError } from '../errors.ts';
import { ChunkPool } from './chunk-pool.ts';

/** Small pieces are copied behind each other into blocks, so that tiny ones cost no more than their bytes. */
const blockBytes = 16 * 1024;
const smallBytes = 4 * 1024;

/** What a larger piece costs beside its bytes. */
const pieceCostBytes = 128;

/** 8 MiB at the most, for all sessions of the process. */
const blocks = new ChunkPool(blockBytes, 512);

interface Piece {
  readonly memory: Uint8Array;
  /** Gives the memory back. */
  readonly release: (() => void) | undefined;
  /** Where it begins in all that was ever sent. */
  readonly start: number;
  /** Small pieces may be added to it. */
  readonly isBlock: boolean;
  filled: number;
}

/**
 * What a session has sent, until the other side has acknowledged it.
 *
 *    ── acknowledged ──┬── handed to the link ──┬── waiting ──┐
 *    acknowledgedBytes ┘            handedBytes ┘   sentBytes ┘
 */
export class KeptPieces {
  /** From the one on that is not acknowledged whole. */
  readonly #pieces: Piece[] = [];
  /** The piece from which the link is given next. */
  #next = 0;
  #acknowledgedBytes = 0;
  #handedBytes = 0;
  #sentBytes = 0;
  #costBytes = 0;

  /** The memory that it takes. */
  get costBytes(): number {
    return this.#costBytes;
  }

  /** Something waits for the link. */
  get hasNext(): boolean {
    return this.#handedBytes < this.#sentBytes;
  }

  /**
   * @param sent called once the bytes are not needed any more.
   * @returns the memory that this takes anew.
   */
  push(bytes: Uint8Array, sent: (() => void) | undefined): number {
    const costBytes = this.#costBytes;
    if (bytes.length <= smallBytes) {
      this.#join(bytes);
      sent?.();
    } else if (2 * bytes.length < bytes.buffer.byteLength) {
      // A small part of a large piece of memory would keep all of it.
      this.#add({ memory: bytes.slice(), release: undefined, isBlock: false, filled: bytes.length });
      sent?.();
    } else {
      this.#add({ memory: bytes, release: sent, isBlock: false, filled: bytes.length });
    }
    this.#sentBytes += bytes.length;
    return this.#costBytes - costBytes;
  }

  /** What the link is to be given next; only where {@link KeptPieces.hasNext}. */
  next(): Uint8Array {
    const { memory, start, filled } = this.#pieces[this.#next]!;
    const bytes = memory.subarray(this.#handedBytes - start, filled);
    this.#handedBytes = start + filled;
    this.#next += 1;
    return bytes;
  }

  /**
   * The other side has everything up to a position.
   *
   * @returns false: it said so before.
   * @throws PeerloomError `ERR_PROTOCOL` for what the link was not given.
   */
  acknowledge(position: number): boolean {
    if (position > this.#handedBytes) {
      throw new PeerloomError('ERR_PROTOCOL', 'an acknowledgement of what was not sent');
    }
    if (position <= this.#acknowledgedBytes) return false;
    this.#acknowledgedBytes = position;
    const whole = this.#wholeUpTo(position);
    this.#next -= whole;
    for (const piece of this.#pieces.splice(0, whole)) {
      this.#costBytes -= costOf(piece);
      piece.release?.();
    }
    return true;
  }

  /** The other side has acknowledged what follows a position. */
  isPast(position: number): boolean {
    return position < this.#acknowledgedBytes;
  }

  /** What follows a position is there. */
  has(position: number): boolean {
    return !this.isPast(position) && position <= this.#sentBytes;
  }

  /** Another link is given everything from a position on that it has. */
  rewind(position: number): void {
    this.#handedBytes = position;
    this.#next = this.#wholeUpTo(position);
  }

  /** What is not acknowledged: whole frames, from the beginning of a message on. */
  unacknowledged(): Uint8Array[] {
    return this.#pieces.map(({ memory, start, filled }) =>
      memory.subarray(Math.max(0, this.#acknowledgedBytes - start), filled),
    );
  }

  #join(bytes: Uint8Array): void {
    let last = this.#pieces.at(-1);
    if (last === undefined || !last.isBlock || last.filled + bytes.length > blockBytes) {
      const memory = blocks.take();
      last = this.#add({ memory, release: () => blocks.give(memory), isBlock: true, filled: 0 });
    } else if (this.#next === this.#pieces.length) {
      this.#next -= 1;
    }
    last.memory.set(bytes, last.filled);
    last.filled += bytes.length;
  }

  #add(piece: Omit<Piece, 'start'>): Piece {
    const added = { ...piece, start: this.#sentBytes };
    this.#pieces.push(added);
    this.#costBytes += costOf(added);
    return added;
  }

  /** How many pieces end at or before a position. */
  #wholeUpTo(position: number): number {
    const index = this.#pieces.findIndex(({ start, filled }) => start + filled > position);
    return index < 0 ? this.#pieces.length : index;
  }
}

function costOf({ memory }: Piece): number {
  return memory.length + pieceCostBytes;
}
