import { checkOptions, shown } from '../../base/arguments.ts';

/** Where a vault is stored, and how much it stores for others. */
export interface VaultOptions {
  /** The path of the file. Missing folders are created. Default: in memory. */
  readonly path?: string;
  /**
   * Bytes that the node keeps for other owners. Beyond them, owners get `ERR_MESSAGE_TOO_LARGE`. 0: the node is nobody's
   * replica. Default 64 MiB; in memory at most a quarter of `limits.memoryBudgetBytes`.
   */
  readonly maxReplicaBytes?: number;
  /**
   * Bytes that the node keeps of what it has read from other owners. Beyond them, reading still works, but the node keeps
   * no copy of new items: it cannot read them while nobody can be reached, and does not recognise an older version.
   * Default 64 MiB; in memory at most a quarter of `limits.memoryBudgetBytes`.
   */
  readonly maxCopyBytes?: number;
}

const optionNames = [
  'path',
  'maxReplicaBytes',
  'maxCopyBytes',
] as const satisfies readonly (keyof VaultOptions)[];

/** @throws TypeError and RangeError, which name the option. */
export function checkVaultOptions(options: VaultOptions): void {
  checkOptions(options, optionNames, 'vault');
  const { path, maxReplicaBytes, maxCopyBytes } = options;
  if (path !== undefined && (typeof path !== 'string' || path === '' || path.includes('\0'))) {
    throw new TypeError(`vault.path must be the path of a file, not ${shown(path)}`);
  }
  for (const [name, bytes] of Object.entries({ maxReplicaBytes, maxCopyBytes })) {
    if (bytes === undefined || (typeof bytes === 'number' && bytes >= 0)) continue;
    throw new RangeError(`vault.${name} must be a number of at least 0, not ${shown(bytes)}`);
  }
}
