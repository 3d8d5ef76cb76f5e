import { checkOptions, shown } from '../../base/arguments.ts';
import { checkStoreName, requireIndexedDb } from '../../base/store-name.ts';

/** Where a vault is stored, and how much it stores for others. */
export interface VaultOptions {
  /** The path of the file. Missing folders are created. Default: in memory. */
  readonly path?: string;
  /**
   * In a browser: a name of your choice, 1 to 256 characters, under which the page keeps the vault in IndexedDB. Use it
   * together with an identity in a store. The vault is open when `start()` has resolved. Default: in memory.
   */
  readonly store?: string;
  /**
   * The most bytes that the node keeps for other owners. Beyond that, owners get `ERR_MESSAGE_TOO_LARGE`. 0: the node
   * is not a replica of any owner. Default 64 MiB; in memory and in a browser at most a quarter of
   * `limits.memoryBudgetBytes`.
   */
  readonly maxReplicaBytes?: number;
  /**
   * The most bytes that the node keeps of what it has read from other owners. Beyond that, reading still works, but the
   * node keeps no copy of new items: it cannot read them while no other node can be reached, and does not recognise an
   * older version. Default 64 MiB; in memory and in a browser at most a quarter of `limits.memoryBudgetBytes`.
   */
  readonly maxCopyBytes?: number;
}

const optionNames = [
  'path',
  'store',
  'maxReplicaBytes',
  'maxCopyBytes',
] as const satisfies readonly (keyof VaultOptions)[];

/**
 * @throws TypeError or RangeError that names the option; PeerloomError `ERR_TRANSPORT_UNAVAILABLE` for a store outside
 * of browsers.
 */
export function checkVaultOptions(options: VaultOptions): void {
  checkOptions(options, optionNames, 'vault');
  const { path, store, maxReplicaBytes, maxCopyBytes } = options;
  if (path !== undefined && (typeof path !== 'string' || path === '' || path.includes('\0'))) {
    throw new TypeError(`vault.path must be the path of a file, not ${shown(path)}`);
  }
  if (store !== undefined) {
    if (path !== undefined) throw new TypeError('vault.path and vault.store cannot both be given');
    checkStoreName('vault.store', store);
    requireIndexedDb('vault.store');
  }
  for (const [name, bytes] of Object.entries({ maxReplicaBytes, maxCopyBytes })) {
    if (bytes === undefined || (typeof bytes === 'number' && bytes >= 0)) continue;
    throw new RangeError(`vault.${name} must be a number of at least 0, not ${shown(bytes)}`);
  }
}
