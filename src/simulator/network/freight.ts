import type { Data } from '../../base/data.ts';

/** What a piece is. */
export const Piece = {
  /** Something small that happens at the other end: its content is a {@link Signal}. */
  signal: 0,
  bytes: 1,
  /** Bytes on which nothing depends: a ping that a node sent by itself, or the answer to one. */
  ping: 2,
  /** Data that goes without bytes. */
  data: 3,
  /** Further data, which arrives together with the piece before it. */
  moreData: 4,
} as const;

export type PieceKind = (typeof Piece)[keyof typeof Piece];

export type Signal = () => void;

type Content = Signal | Uint8Array | Data;

/** In place of a piece: there is none. */
export const none = -1;

/**
 * Everything that is under way in a network. A piece is a number, and lies in columns that are used again and again:
 * a million objects a second would push the nodes themselves out of the caches of the processor.
 */
export class Freight {
  #kinds = new Uint8Array(64);
  #bytes = new Int32Array(64);
  #times = new Float64Array(64);
  /** The piece behind each piece; of free ones the next free one. */
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

  /** When it could be there, if nothing before it were still under way. */
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

  /** Takes a piece out; its number may then stand for another one. @returns its content. */
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
