import { optionalBuiltin } from '../../base/builtin.ts';
import type { Runtime } from '../../base/runtime.ts';
import { IndexedDbJournal } from './indexed-db-journal.ts';
import { PageVaultStore } from './page-vault-store.ts';
import { SqliteVaultStore } from './sqlite-vault-store.ts';
import type { StoreBounds } from './store-usage.ts';
import type { VaultStore } from './vault-store.ts';

export interface OpenVaultOptions {
  readonly bounds: StoreBounds;
  readonly runtime: Runtime;
}

/**
 * Opens the store of a vault in memory or in a file.
 *
 * @param path the path of the file. `undefined` for a vault in memory.
 * @throws PeerloomError `ERR_VAULT_FILE`; `ERR_TRANSPORT_UNAVAILABLE` for a path if there is no SQLite.
 */
export function vaultStoreAt(path: string | undefined, ownId: string, options: OpenVaultOptions): VaultStore {
  const hasSqlite = optionalBuiltin('node:sqlite') !== undefined;
  if (path === undefined && !hasSqlite) return new PageVaultStore(ownId, options);
  return new SqliteVaultStore(path, ownId, options);
}

/**
 * Opens a store of this page by its name.
 *
 * @throws PeerloomError `ERR_VAULT_FILE`.
 */
export async function vaultStoreOfPage(
  name: string,
  ownId: string,
  { bounds, runtime }: OpenVaultOptions,
): Promise<VaultStore> {
  return new PageVaultStore(ownId, { bounds, ...(await IndexedDbJournal.open(name, ownId, runtime)) });
}
