import { PeerloomError } from '../../base/errors.ts';
import { allocate, handOut } from '../../wire/frames/memory.ts';
import { alone, copyOf } from '../../wire/frames/own-memory.ts';
import { streamDataHeaderBytes } from '../../wire/frames/stream-frames.ts';

/** Shorter pieces of waiting data are joined in blocks, so that tiny frames cost little memory. */
const blockBytes = 16 * 1024;

/** Few streams have so large a window. */
const largeWindowBytes = 2 * 1024 * 1024;

/** Data that waits to be read. */
interface Chunk {
  readonly bytes: Uint8Array;
  filled: number;
  /** Of the window. */
  costBytes: number;
}

/** Received data of a stream that has not been read yet: never more than the window of the other side. */
export class StreamReceiver {
  #windowBytes: number;
  #chunks: Chunk[] = [];
  /** What the other side may still send. */
  #openBytes = 0;
  /** What it may send besides, but has not been told of: at first all of the window. */
  #creditBytes: number;
  #hasRead = false;

  constructor(windowBytes: number) {
    this.#windowBytes = this.#creditBytes = windowBytes;
  }

  /** What waits to be read. */
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
   * There is so much credit that the other side should be told. Where windows are all that holds streams up, one
   * whose credit waits longer gets less: with a quarter of the window it cannot lag far behind the others. A large
   * window holds up nothing, and half of the frames that say so are spared: each costs as much as 80 KiB of data.
   */
  get isCreditDue(): boolean {
    return this.#creditBytes >= this.#windowBytes / (this.#windowBytes < largeWindowBytes ? 4 : 2);
  }

  /**
   * @returns the memory that it takes anew.
   * @throws PeerloomError `ERR_PROTOCOL` when the other side sends more than it may.
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

  /** The next bytes; `undefined` when there are none. */
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
   * Doubles the window of a stream of which more has been read than waits, up to its share: nothing but the way
   * there and back may be holding it up. When the share becomes smaller the window follows as credit comes in.
   */
  adapt(shareBytes: number): void {
    const waitingBytes = this.#windowBytes - this.#openBytes - this.#creditBytes;
    const isFast = this.#hasRead && waitingBytes < this.#creditBytes;
    const wanted = Math.min(shareBytes, isFast ? 2 * this.#windowBytes : this.#windowBytes);
    const change = Math.max(wanted - this.#windowBytes, -Math.floor(this.#creditBytes / 2));
    this.#windowBytes += change;
    this.#creditBytes += change;
  }

  /** The credit to send to the other side. */
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
