import { allocate } from '../../wire/frames/memory.ts';

/** Is called for each chunk that a pool hands out or takes back. */
export interface PoolWatch {
  /** A user of the pool gets the chunk. */
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
 * Memory that connections use again. Without the pool each chunk is an allocation of the garbage collector's, whose
 * full collections then cost more than copying and encrypting a large message together.
 *
 * The next user of a chunk is another connection. A chunk that a link still holds would send that user's bytes to the
 * wrong peer, so only a link that has said that it is done with a chunk frees it. What a peer says never does.
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
    const chunk = this.#free.pop() ?? allocate(this.#chunkBytes);
    watch?.taken(chunk);
    return chunk;
  }

  /** Takes a chunk back; memory of another size is left to the garbage collector. */
  give(chunk: Uint8Array<ArrayBuffer>): void {
    if (chunk.length !== this.#chunkBytes) return;
    watch?.given(chunk);
    if (this.#free.length < this.#maxFree) this.#free.push(chunk);
  }
}
