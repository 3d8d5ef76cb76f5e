import { FrameKind, frameHeaderBytes, idBytes, writeUint32 } from '../../wire/frames/frame.ts';
import { ChunkPool } from './chunk-pool.ts';
import { chunkBytes, maxUncutBytes, type OutgoingPayload, ownFirstFrame, writePiece } from './cut-message.ts';
import type { SharedFrame } from './shared-frame.ts';

/** The first chunk of a turn is small, because most turns of an idle link carry one small message. */
const firstChunkBytes = 2 * 1024;

/** At most 8 MiB, for all connections of the process: acknowledgements release many chunks of a session at once. */
const chunks = new ChunkPool(chunkBytes, 128);

/** At most 1 MiB. */
const firstChunks = new ChunkPool(firstChunkBytes, 512);

/** The queue drops the sent pieces at its front when there are this many. */
const lotLength = 64;

/** Whole frames that wait for the link. */
export interface WaitingPiece {
  readonly bytes: Uint8Array;
  /** The pooled chunk that holds these frames and nothing else, if there is one. */
  readonly chunk: Uint8Array<ArrayBuffer> | undefined;
  /** Set if other connections hold the frames too. */
  readonly shared: SharedFrame | undefined;
}

/** The link no longer needs a piece. */
export function giveBack(chunk: Uint8Array<ArrayBuffer>): void {
  (chunk.length === chunkBytes ? chunks : firstChunks).give(chunk);
}

/** This connection no longer holds a piece. */
export function letGo({ shared }: WaitingPiece): void {
  if (shared !== undefined) shared.holders -= 1;
}

/**
 * Frames that wait for the link, gathered in large pieces, in order. The frames of a cut message follow each other
 * directly, with no other message between them.
 *
 *    write() ──► chunk being filled ──► pieces ──► shift()
 */
export class OutgoingFrames {
  /** Called with the bytes that are newly kept. */
  onGrowth: (bytes: number) => void = () => {};
  /** Called each time a piece is ready for the link, while frames are being written. */
  onPiece: () => void = () => {};

  #chunk: Uint8Array<ArrayBuffer> | undefined;
  #chunkFilled = 0;
  #pieces: (WaitingPiece | undefined)[] = [];
  #next = 0;
  #pieceBytes = 0;

  /** The waiting bytes. */
  get bytes(): number {
    return this.#pieceBytes + this.#chunkFilled;
  }

  /** The memory of the waiting frames. Memory that many connections share is split between them. */
  get heldBytes(): number {
    let bytes = this.#chunkFilled;
    for (const piece of this.#pieces) bytes += piece?.shared?.bytesEach ?? piece?.bytes.length ?? 0;
    return bytes;
  }

  /** Whether there is a piece to take. */
  get hasPiece(): boolean {
    return this.#next < this.#pieces.length;
  }

  /** Writes a frame, or several if the message must be cut. `id` goes before the payload. */
  write(kind: number, payload: OutgoingPayload, id: number | undefined): void {
    const { body } = payload;
    const length = id === undefined ? body.length : body.length + idBytes;
    if (length > maxUncutBytes) {
      if (payload.shared === undefined) this.#writeLarge(kind, payload, id);
      else this.#pushShared(payload.shared, { kind, payload, id });
      return;
    }
    let chunk = this.#chunk;
    let at = this.#chunkFilled;
    if (chunk === undefined || at + frameHeaderBytes + length > chunk.length) {
      chunk = this.#roomFor(frameHeaderBytes + length);
      at = this.#chunkFilled;
    }
    // Written out here: a call with a header object costs a tenth of the speed when many requests are under way.
    chunk[at] = 0;
    chunk[at + 1] = length >>> 16;
    chunk[at + 2] = length >>> 8;
    chunk[at + 3] = length;
    chunk[at + 4] = kind;
    chunk[at + 5] = 0;
    chunk[at + 6] = payload.format;
    chunk[at + 7] = payload.compression;
    at += frameHeaderBytes;
    if (id !== undefined) {
      writeUint32(chunk, at, id);
      at += idBytes;
    }
    chunk.set(body, at);
    this.#chunkFilled = at + body.length;
  }

  /** Makes a piece of the frames that were written since the last one. */
  seal(): void {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    if (this.#chunkFilled > 0) {
      this.push({ bytes: chunk.subarray(0, this.#chunkFilled), chunk, shared: undefined });
    }
    this.#chunk = undefined;
    this.#chunkFilled = 0;
  }

  /** Adds a piece of whole frames after all sealed pieces. */
  push(piece: WaitingPiece): void {
    const { length } = piece.bytes;
    this.#pieces.push(piece);
    this.#pieceBytes += length;
    this.onGrowth(length);
  }

  /** Takes the next piece. */
  shift(): WaitingPiece | undefined {
    const piece = this.#pieces[this.#next];
    if (piece === undefined) return undefined;
    this.#pieces[this.#next++] = undefined;
    if (this.#next === this.#pieces.length) {
      this.#pieces = [];
      this.#next = 0;
    } else if (this.#next === lotLength) {
      this.#pieces.splice(0, lotLength);
      this.#next = 0;
    }
    this.#pieceBytes -= piece.bytes.length;
    return piece;
  }

  /** Puts back a part of the piece that was taken last. */
  unshift(piece: WaitingPiece): void {
    if (this.#next > 0) this.#pieces[--this.#next] = piece;
    else this.#pieces.unshift(piece);
    this.#pieceBytes += piece.bytes.length;
  }

  /** Removes and returns everything that waits. */
  takeAll(): WaitingPiece[] {
    this.seal();
    const pieces = this.#pieces.slice(this.#next) as WaitingPiece[];
    this.#pieces = [];
    this.#next = this.#pieceBytes = 0;
    return pieces;
  }

  /** Moves what the turn has written into its small chunk to a full chunk, so that the link gets it in one write. */
  #roomFor(needed: number): Uint8Array<ArrayBuffer> {
    const small = this.#chunk;
    if (small === undefined || small.length !== firstChunkBytes) return this.#nextChunk(needed);
    const full = chunks.take();
    full.set(small.subarray(0, this.#chunkFilled));
    firstChunks.give(small);
    this.#chunk = full;
    return full;
  }

  /** A turn begins with a small chunk and continues with full ones. */
  #nextChunk(needed: number): Uint8Array<ArrayBuffer> {
    const isFirst = this.#chunk === undefined && !this.hasPiece;
    if (this.#chunkFilled > 0) {
      this.seal();
      this.onPiece();
    }
    const chunk = isFirst && needed <= firstChunkBytes ? firstChunks.take() : chunks.take();
    this.#chunk = chunk;
    return chunk;
  }

  #pushShared(
    shared: readonly SharedFrame[],
    { kind, payload, id }: { kind: number; payload: OutgoingPayload; id: number | undefined },
  ): void {
    this.seal();
    let frames = shared;
    if (kind !== FrameKind.message) {
      const bytes = ownFirstFrame(shared, { kind, payload, id });
      this.push({ bytes, chunk: undefined, shared: undefined });
      frames = shared.slice(1);
    }
    for (const frame of frames) {
      frame.holders += 1;
      this.push({ bytes: frame.bytes, chunk: undefined, shared: frame });
    }
  }

  /** Copies a large message into chunks. Each chunk begins with a new frame of the message. */
  #writeLarge(kind: number, payload: OutgoingPayload, id: number | undefined): void {
    let taken = 0;
    do {
      let chunk = this.#chunk;
      if (chunk === undefined || chunk.length - this.#chunkFilled < maxUncutBytes) {
        chunk = this.#nextChunk(chunkBytes);
      }
      const { filled, share } = writePiece(chunk.subarray(this.#chunkFilled), { kind, payload, id, taken });
      this.#chunkFilled += filled;
      taken += share;
    } while (taken < payload.body.length);
  }
}
