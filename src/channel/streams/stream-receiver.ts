import { PeerloomError } from '../../base/errors.ts';
import { allocate, handOut } from '../../wire/frames/memory.ts';
import { alone, copyOf } from '../../wire/frames/own-memory.ts';
import { streamDataHeaderBytes } from '../../wire/frames/stream-frames.ts';

/** Shorter waiting pieces are joined in blocks of this size, so that tiny frames cost little memory. */
const blockBytes = 16 * 1024;

/** A window from this size on counts as large. */
const largeWindowBytes = 2 * 1024 * 1024;

/** Data that waits to be read. */
interface Chunk {
  readonly bytes: Uint8Array;
  filled: number;
  /** What the chunk costs of the window. */
  costBytes: number;
}

/** The received but unread data of a stream: never more than the window. */
export class StreamReceiver {
  #windowBytes: number;
  #chunks: Chunk[] = [];
  /** Bytes that the other side may still send. */
  #openBytes = 0;
  /** Further bytes that it may send, of which it has not been told yet. At first the whole window. */
  #creditBytes: number;
  #hasRead = false;

  constructor(windowBytes: number) {
    this.#windowBytes = this.#creditBytes = windowBytes;
  }

  /** Memory of the unread data. */
  get heldBytes(): number {
    return this.#chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  get hasCredit(): boolean {
    return this.#creditBytes > 0;
  }

  /**
   * Whether enough credit has gathered to send it. A stream whose credit is sent late gets a smaller share when windows
   * are the bottleneck; at a quarter of the window it cannot lag far behind. A large window is not a bottleneck, so
   * half of the credit frames are saved: each costs as much as 80 KiB of data.
   */
  get isCreditDue(): boolean {
    return this.#creditBytes >= this.#windowBytes / (this.#windowBytes < largeWindowBytes ? 4 : 2);
  }

  /**
   * @returns the bytes of memory that this adds.
   * @throws PeerloomError `ERR_PROTOCOL` if the other side sends more than it may.
   */
  push(data: Uint8Array): number {
    const costBytes = streamDataHeaderBytes + data.length;
    this.#openBytes -= costBytes;
    if (this.#openBytes < 0)
      throw new PeerloomError(
        'ERR_PROTOCOL',
        'the other side sent more data of a stream than its window allows',
      );
    const last = this.#chunks.at(-1);
    if (last === undefined || data.length >= blockBytes) {
      this.#chunks.push({ bytes: alone(data), filled: data.length, costBytes });
      return data.length;
    }
    if (last.bytes.length - last.filled >= data.length) {
      last.bytes.set(data, last.filled);
      last.filled += data.length;
      last.costBytes += costBytes;
      return 0;
    }
    const bytes = allocate(blockBytes);
    bytes.set(data);
    this.#chunks.push({ bytes, filled: data.length, costBytes });
    return blockBytes;
  }

  /** The next bytes, or `undefined` if there are none. */
  take(): Uint8Array | undefined {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return undefined;
    this.#creditBytes += chunk.costBytes;
    this.#hasRead = true;
    handOut(chunk.filled);
    const { bytes, filled } = chunk;
    return filled === bytes.length ? bytes : copyOf(bytes, 0, filled);
  }

  /**
   * Doubles the window, up to the stream's share, if more has been read than waits: then only the round trip may be
   * slowing the stream down. If the share shrinks, the window follows as credit is used.
   */
  adapt(shareBytes: number): void {
    const waitingBytes = this.#windowBytes - this.#openBytes - this.#creditBytes;
    const isFast = this.#hasRead && waitingBytes < this.#creditBytes;
    const wanted = Math.min(shareBytes, isFast ? 2 * this.#windowBytes : this.#windowBytes);
    const change = Math.max(wanted - this.#windowBytes, -Math.floor(this.#creditBytes / 2));
    this.#windowBytes += change;
    this.#creditBytes += change;
  }

  /** Takes the credit to send to the other side. */
  takeCredit(): number {
    const bytes = this.#creditBytes;
    this.#creditBytes = 0;
    this.#openBytes += bytes;
    return bytes;
  }

  clear(): void {
    this.#chunks = [];
  }
}
