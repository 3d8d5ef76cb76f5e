import { type PoolWatch, watchPools } from '../../src/channel/send/chunk-pool.ts';

/** Frames that begin with it are refused by every reader: 3.6 GB of a kind that does not exist. */
const poison = 0xdb;

const longestChunkBytes = 256 * 1024;
const poisoned = Buffer.alloc(longestChunkBytes, poison);

/** Thrown where nobody can catch it: what a peer sent may have brought the misuse about, and then only ends its link. */
function report(problem: string): void {
  const error = new Error(problem);
  queueMicrotask(() => {
    throw error;
  });
}

/**
 * Fills with poison what is given back to a pool: whoever still reads it gets corrupt data. Reports what is given back
 * twice, or written to afterwards.
 */
class PoisoningWatch implements PoolWatch {
  readonly #inUse = new WeakSet<Uint8Array>();
  readonly #free = new WeakSet<Uint8Array>();

  taken(chunk: Uint8Array<ArrayBuffer>): void {
    if (this.#free.delete(chunk) && poisoned.compare(chunk, 0, chunk.length, 0, chunk.length) !== 0) {
      report('memory was written to after it was given back to its pool');
    }
    this.#inUse.add(chunk);
  }

  given(chunk: Uint8Array<ArrayBuffer>): void {
    if (!this.#inUse.delete(chunk)) report('memory was given back to its pool twice');
    this.#free.add(chunk);
    chunk.fill(poison);
  }
}

watchPools(new PoisoningWatch());
