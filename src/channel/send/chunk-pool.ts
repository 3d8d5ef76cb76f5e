import { allocate } from '../../wire/frames/memory.ts';

/** Is called for each chunk that a pool hands out or takes back. */
export interface PoolWatch {
  /** The pool hands out the chunk. */
  taken(chunk: Uint8Array<ArrayBuffer>): void;
  /** A user gives the chunk back, and promises that nobody reads or writes it any more. */
  given(chunk: Uint8Array<ArrayBuffer>): void;
}

let watch: PoolWatch | undefined;

/** Watches all pools of the process. Tests do it to find memory that is given back too early, or twice. */
export function watchPools(poolWatch: PoolWatch): void {
  watch = poolWatch;
}

/**
 * Memory that connections reuse. Without the pool, each chunk would be garbage-collected, and full collections would
 * cost more than copying and encrypting a large message together.
 *
 * The next user of a chunk is another connection. If a link still held the chunk, the link would send that user's bytes
 * to the wrong peer. So a chunk returns to the pool only when the link has reported that it no longer needs it. What a
 * peer says never frees a chunk.
 */
export class ChunkPool {
  readonly #chunkBytes: number;
  readonly #maxFree: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  /** @param maxFree how many unused chunks the pool keeps. */
  constructor(chunkBytes: number, maxFree: number) {
    this.#chunkBytes = chunkBytes;
    this.#maxFree = maxFree;
  }

  take(): Uint8Array<ArrayBuffer> {
    const chunk = this.#free.pop() ?? allocate(this.#chunkBytes);
    watch?.taken(chunk);
    return chunk;
  }

  /** Takes a chunk back. Memory of another size is left to the garbage collector. */
  give(chunk: Uint8Array<ArrayBuffer>): void {
    if (chunk.length !== this.#chunkBytes) return;
    watch?.given(chunk);
    if (this.#free.length < this.#maxFree) this.#free.push(chunk);
  }
}
