import { PeerloomError } from '../../errors.ts';
import type { VaultDatabase } from './vault-database.ts';

/** What a collection of another owner is kept for: reading it again, or for its owner. */
export type Keeping = 'copy' | 'replica';

/** Bytes that may be kept of other owners' collections, the rows with their indexes counted. */
export interface StoreBounds {
  readonly maxCopyBytes: number;
  readonly maxReplicaBytes: number;
}

export const defaultBounds: StoreBounds = {
  maxCopyBytes: 64 * 1024 * 1024,
  maxReplicaBytes: 64 * 1024 * 1024,
};

/** How much a vault keeps of other owners: triggers of the database count each row with the change itself. */
export class StoreUsage {
  readonly #database: VaultDatabase;
  readonly #bounds: StoreBounds;

  constructor(database: VaultDatabase, bounds: StoreBounds) {
    this.#database = database;
    this.#bounds = bounds;
  }

  bytes(keeping: Keeping): number {
    return this.#database.get('SELECT bytes FROM usage WHERE keeping = ?', keeping)!.bytes as number;
  }

  /**
   * Runs a change in a transaction.
   *
   * @throws PeerloomError `ERR_MESSAGE_TOO_LARGE` when the change adds to what is over its bound; it is undone then.
   */
  within<Result>(change: () => Result): Result {
    const [copyBytes, replicaBytes] = [this.bytes('copy'), this.bytes('replica')];
    const result = change();
    const { maxCopyBytes, maxReplicaBytes } = this.#bounds;
    if (this.bytes('replica') > Math.max(maxReplicaBytes, replicaBytes)) {
      throw tooMuch(`at most ${maxReplicaBytes} bytes for other owners (vault.maxReplicaBytes)`);
    }
    if (this.bytes('copy') > Math.max(maxCopyBytes, copyBytes)) {
      throw tooMuch(`at most ${maxCopyBytes} bytes of what it has read (vault.maxCopyBytes)`);
    }
    return result;
  }
}

function tooMuch(what: string): PeerloomError {
  return new PeerloomError('ERR_MESSAGE_TOO_LARGE', `this node keeps ${what}`);
}
