import { PeerloomError } from '../../base/errors.ts';
import { allocate } from '../../wire/frames/memory.ts';
import {
  maxStreamCredit,
  streamDataHeaderBytes,
  writeStreamDataHeader,
} from '../../wire/frames/stream-frames.ts';
import { ChunkPool } from '../send/chunk-pool.ts';
import type { Piece } from '../send/frame-source.ts';

/** A chunk holds one frame, header and data, and becomes one write to the link. */
const chunkBytes = 64 * 1024;

/** Used for larger writes, because each frame costs the receiver as much as 20 KiB of data. */
const largeChunkBytes = 256 * 1024;

/** At most 4 MiB of each, for all streams of the process. */
const chunks = new ChunkPool(chunkBytes, 64);
const largeChunks = new ChunkPool(largeChunkBytes, 16);

/** Data in the memory of a chunk. Before `from` there is room for the frame's header. */
interface Chunk {
  readonly memory: Uint8Array<ArrayBuffer>;
  from: number;
  to: number;
}

/** Data that a stream has to send. It waits until the link has room and the other side has granted credit. */
export class StreamSender {
  readonly #id: number;
  #chunks: Chunk[] = [];
  #bufferedBytes = 0;
  #heldBytes = 0;
  #credit = 0;
  /** Half of the stream's first window. */
  #enoughCredit = 0;

  constructor(id: number) {
    this.#id = id;
  }

  /** Bytes that were written but not sent yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** The memory of these bytes. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Whether there is data, and credit for the next whole chunk. Sending part of a chunk would bring back a small
   * credit, which would cut the next chunk too. Credit of half the window is always enough.
   */
  get canSend(): boolean {
    if (this.#bufferedBytes === 0 || this.#credit <= streamDataHeaderBytes) return false;
    const { from, to } = this.#chunks[0]!;
    return this.#credit >= Math.min(streamDataHeaderBytes + to - from, this.#enoughCredit);
  }

  /** @throws PeerloomError `ERR_PROTOCOL` if the sum of credits becomes too large. */
  addCredit(bytes: number): void {
    this.#enoughCredit ||= bytes / 2;
    this.#credit += bytes;
    if (this.#credit > maxStreamCredit) {
      throw new PeerloomError(
        'ERR_PROTOCOL',
        `the credit of a stream grew to ${this.#credit} bytes, more than is allowed`,
      );
    }
  }

  /** Appends a copy of the bytes to what waits. @returns the bytes of memory that this adds. */
  write(bytes: Uint8Array): number {
    const heldBytes = this.#heldBytes;
    let taken = 0;
    while (taken < bytes.length) {
      let last = this.#chunks.at(-1);
      if (last === undefined || last.to === last.memory.length) {
        const memory = memoryFor(Math.max(chunkBytes, streamDataHeaderBytes + bytes.length - taken));
        last = { memory, from: streamDataHeaderBytes, to: streamDataHeaderBytes };
        this.#chunks.push(last);
        this.#heldBytes += memory.length;
      }
      const share = Math.min(bytes.length - taken, last.memory.length - last.to);
      last.memory.set(bytes.subarray(taken, taken + share), last.to);
      last.to += share;
      taken += share;
    }
    this.#bufferedBytes += bytes.length;
    return this.#heldBytes - heldBytes;
  }

  /** Takes the next frame. Call it only if {@link StreamSender.canSend}. */
  take(): Piece {
    const first = this.#chunks[0]!;
    const length = Math.min(first.to - first.from, this.#credit - streamDataHeaderBytes);
    const isWhole = length === first.to - first.from;
    // If the credit cuts the chunk, the first part is copied: the rest needs the room before it for its own header.
    const cutBytes = streamDataHeaderBytes + length;
    const memory = isWhole ? first.memory : memoryFor(cutBytes);
    const start = isWhole ? first.from - streamDataHeaderBytes : 0;
    if (isWhole) {
      this.#chunks.shift();
      this.#heldBytes -= memory.length;
    } else {
      memory.set(first.memory.subarray(first.from, first.from + length), streamDataHeaderBytes);
      first.from += length;
    }
    writeStreamDataHeader(memory, start, this.#id, length);
    const end = start + streamDataHeaderBytes + length;
    this.#bufferedBytes -= length;
    this.#credit -= streamDataHeaderBytes + length;
    return { bytes: memory.subarray(start, end), sent: () => giveBack(memory) };
  }

  /** Drops what waits. */
  clear(): void {
    for (const { memory } of this.#chunks) giveBack(memory);
    this.#chunks = [];
    this.#bufferedBytes = this.#heldBytes = 0;
  }
}

/** Memory for about this many bytes: a pooled chunk, which may be larger, or smaller if no frame is that large. */
function memoryFor(bytes: number): Uint8Array<ArrayBuffer> {
  if (2 * bytes < chunkBytes) return allocate(bytes);
  return (bytes <= chunkBytes ? chunks : largeChunks).take();
}

function giveBack(memory: Uint8Array<ArrayBuffer>): void {
  chunks.give(memory);
  largeChunks.give(memory);
}
