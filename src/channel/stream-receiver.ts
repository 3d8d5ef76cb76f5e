import { PeerloomError } from '../errors.ts';
import { allocate } from '../wire/memory.ts';
import { streamDataHeaderBytes } from '../wire/stream-frames.ts';

/** What is shorter and has to wait is joined in blocks, so that tiny frames cost little memory. */
const blockBytes = 16 * 1024;

/** Data that waits to be read. */
interface Chunk {
  readonly bytes: Uint8Array;
  filled: number;
  /** Of the window. */
  costBytes: number;
}

/** What a stream has received, until it is read: never more than the window that the other side was given. */
export class StreamReceiver {
  readonly #windowBytes: number;
  #chunks: Chunk[] = [];
  /** What the other side may still send. */
  #openBytes = 0;
  /** What it may send besides, but has not been told of: at first all of the window. */
  #creditBytes: number;

  constructor(windowBytes: number) {
    this.#windowBytes = this.#creditBytes = windowBytes;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  get hasCredit(): boolean {
    return this.#creditBytes > 0;
  }

  /** There is so much credit that the other side should be told. */
  get isCreditDue(): boolean {
    return this.#creditBytes >= this.#windowBytes / 2;
  }

  /** @throws PeerloomError `ERR_PROTOCOL` when the other side sends more than it may. */
  push(data: Uint8Array): void {
    const costBytes = streamDataHeaderBytes + data.length;
    this.#openBytes -= costBytes;
    if (this.#openBytes < 0) throw new PeerloomError('ERR_PROTOCOL', 'more data of a stream than its window');
    const last = this.#chunks.at(-1);
    if (last === undefined || data.length >= blockBytes) {
      this.#chunks.push({ bytes: detached(data), filled: data.length, costBytes });
    } else if (last.bytes.length - last.filled >= data.length) {
      last.bytes.set(data, last.filled);
      last.filled += data.length;
      last.costBytes += costBytes;
    } else {
      const bytes = allocate(blockBytes);
      bytes.set(data);
      this.#chunks.push({ bytes, filled: data.length, costBytes });
    }
  }

  /** The next bytes; `undefined` when there are none. */
  take(): Uint8Array | undefined {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return undefined;
    this.#creditBytes += chunk.costBytes;
    return chunk.bytes.subarray(0, chunk.filled);
  }

  /** Credit that the other side is told of with this. */
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

/** A small part of a large piece of memory keeps all of it. */
function detached(data: Uint8Array): Uint8Array {
  return 2 * data.length < data.buffer.byteLength ? data.slice() : data;
}
