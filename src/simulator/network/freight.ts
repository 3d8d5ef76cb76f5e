import type { Data } from '../../base/data.ts';

/** The kinds of pieces. */
export const Piece = {
  /** A {@link Signal} that is called at the other end. */
  signal: 0,
  bytes: 1,
  /** Bytes that do not count as work: a ping that a node sent automatically, or the answer to one. */
  ping: 2,
  /** Data that is carried without encoding it. */
  data: 3,
  /** Further data that arrives together with the piece before it. */
  moreData: 4,
} as const;

export type PieceKind = (typeof Piece)[keyof typeof Piece];

export type Signal = () => void;

type Content = Signal | Uint8Array | Data;

/** Used instead of the number of a piece if there is no piece. */
export const none = -1;

/**
 * All pieces that are in transit in a network. A piece is a number, the index of a row in reused columns. Objects
 * instead, a million a second, would push the nodes themselves out of the processor's caches.
 */
export class Freight {
  #kinds = new Uint8Array(64);
  #bytes = new Int32Array(64);
  #times = new Float64Array(64);
  /** The piece that follows each piece. For a free row, the next free row. */
  #next = new Int32Array(64);
  readonly #contents: (Content | undefined)[] = [];
  #free = none;

  add(kind: PieceKind, content: Content, bytes: number): number {
    let piece = this.#free;
    if (piece === none) {
      piece = this.#contents.push(content) - 1;
      if (piece === this.#kinds.length) this.#grow();
    } else {
      this.#free = this.#next[piece]!;
      this.#contents[piece] = content;
    }
    this.#kinds[piece] = kind;
    this.#bytes[piece] = bytes;
    this.#next[piece] = none;
    return piece;
  }

  kindOf(piece: number): PieceKind {
    return this.#kinds[piece] as PieceKind;
  }

  bytesOf(piece: number): number {
    return this.#bytes[piece]!;
  }

  /** The earliest time at which the piece can arrive. Pieces before it may delay it. */
  timeOf(piece: number): number {
    return this.#times[piece]!;
  }

  setTime(piece: number, at: number): void {
    this.#times[piece] = at;
  }

  next(piece: number): number {
    return this.#next[piece]!;
  }

  setNext(piece: number, next: number): void {
    this.#next[piece] = next;
  }

  /** Removes a piece. Its number may then be reused. @returns its content. */
  take(piece: number): Content {
    const content = this.#contents[piece]!;
    this.#contents[piece] = undefined;
    this.#next[piece] = this.#free;
    this.#free = piece;
    return content;
  }

  #grow(): void {
    const length = 2 * this.#kinds.length;
    const longer = <Column extends Uint8Array | Int32Array | Float64Array>(
      to: Column,
      from: Column,
    ): Column => {
      to.set(from);
      return to;
    };
    this.#kinds = longer(new Uint8Array(length), this.#kinds);
    this.#bytes = longer(new Int32Array(length), this.#bytes);
    this.#times = longer(new Float64Array(length), this.#times);
    this.#next = longer(new Int32Array(length), this.#next);
  }
}
