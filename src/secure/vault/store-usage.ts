import { PeerloomError } from '../../base/errors.ts';

/** Why a collection of another owner is kept: to read it again, or as a replica for its owner. */
export type Keeping = 'copy' | 'replica';

/** The most bytes that are kept of other owners' collections. Rows count with their indexes. */
export interface StoreBounds {
  readonly maxCopyBytes: number;
  readonly maxReplicaBytes: number;
}

export const defaultBounds: StoreBounds = {
  maxCopyBytes: 64 * 1024 * 1024,
  maxReplicaBytes: 64 * 1024 * 1024,
};

/**
 * The most of the node's memory budget for each of the two bounds of a vault in memory. Half of the budget is left to
 * connections.
 */
const shareOfBudget = 0.25;

/** @throws RangeError if a vault in memory is to keep more than the node's memory budget allows. */
export function storeBoundsOf(
  { path, ...given }: Partial<StoreBounds> & { readonly path?: string },
  memoryBudgetBytes: number,
): StoreBounds {
  const mostBytes = path === undefined ? memoryBudgetBytes * shareOfBudget : Number.POSITIVE_INFINITY;
  const boundOf = (name: keyof StoreBounds): number => {
    const bytes = given[name] ?? Math.min(defaultBounds[name], mostBytes);
    if (bytes <= mostBytes) return bytes;
    throw new RangeError(
      `vault.${name} must be at most ${mostBytes} for a vault in memory, a quarter of limits.memoryBudgetBytes, not ${bytes}: give the vault a path, or raise the limit`,
    );
  };
  return { maxCopyBytes: boundOf('maxCopyBytes'), maxReplicaBytes: boundOf('maxReplicaBytes') };
}

/** Enforces the bounds of a store. The store itself counts the bytes with each change. */
export class StoreUsage {
  /** Called with the bytes that are newly kept. */
  onGrowth: (bytes: number) => void = () => {};
  readonly #bytesKept: (keeping: Keeping) => number;
  readonly #bounds: StoreBounds;

  /** @param bytesKept returns the bytes that the store keeps now. */
  constructor(bytesKept: (keeping: Keeping) => number, bounds: StoreBounds) {
    this.#bytesKept = bytesKept;
    this.#bounds = bounds;
  }

  get totalBytes(): number {
    return this.#bytesKept('copy') + this.#bytesKept('replica');
  }

  /**
   * Runs a change in a transaction.
   *
   * @throws PeerloomError `ERR_MESSAGE_TOO_LARGE` if the change adds to a total that is then over its bound. The
   * caller's transaction undoes it.
   */
  within<Result>(change: () => Result): Result {
    const [copyBytes, replicaBytes] = [this.#bytesKept('copy'), this.#bytesKept('replica')];
    const result = change();
    const { maxCopyBytes, maxReplicaBytes } = this.#bounds;
    if (this.#bytesKept('replica') > Math.max(maxReplicaBytes, replicaBytes)) {
      throw tooMuch(`at most ${maxReplicaBytes} bytes for other owners (vault.maxReplicaBytes)`);
    }
    if (this.#bytesKept('copy') > Math.max(maxCopyBytes, copyBytes)) {
      throw tooMuch(`at most ${maxCopyBytes} bytes of what it has read (vault.maxCopyBytes)`);
    }
    const grownBytes = this.totalBytes - copyBytes - replicaBytes;
    if (grownBytes > 0) this.onGrowth(grownBytes);
    return result;
  }
}

function tooMuch(what: string): PeerloomError {
  return new PeerloomError('ERR_MESSAGE_TOO_LARGE', `this node has no room: it keeps ${what}`);
}
