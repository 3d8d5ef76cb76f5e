import { allocate } from '../wire/memory.ts';

/**
 * Memory that is used again once the link has sent it. Without it each chunk is an allocation of the garbage
 * collector's, whose full collections then cost more than copying and encrypting a large message together.
 */
export class ChunkPool {
  readonly #chunkBytes: number;
  readonly #maxFree: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  /** @param maxFree chunks kept while nobody uses them. */
  constructor(chunkBytes: number, maxFree: number) {
    this.#chunkBytes = chunkBytes;
    this.#maxFree = maxFree;
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#free.pop() ?? allocate(this.#chunkBytes);
  }

  give(chunk: Uint8Array<ArrayBuffer>): void {
    if (chunk.length === this.#chunkBytes && this.#free.length < this.#maxFree) this.#free.push(chunk);
  }
}
