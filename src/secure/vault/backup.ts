import type { Data } from '../../data.ts';
import { PeerloomError } from '../../errors.ts';
import { dataFromBytes, dataToBytes } from '../data-bytes.ts';
import { accept, type Delivery } from './delivery.ts';
import type { VaultStore } from './vault-store.ts';

const format = 'peerloom-vault-export-1';

interface Backup {
  readonly format: string;
  readonly owner: string;
  readonly collections: readonly (Delivery & { readonly collection: string; readonly version: number })[];
}

/** Everything of an owner, as it is kept: `{ format, owner, collections: [{ collection, version, log, state, items }] }`. */
export function exportCollections(store: VaultStore, owner: string): Uint8Array {
  const collections = store.collectionNames(owner).map((collection) => {
    const { state, version } = store.collection(owner, collection)!;
    const { items } = store.items(owner, collection, { after: -1, maxBytes: Number.POSITIVE_INFINITY });
    return { collection, version, log: store.log(owner, collection, 0), state, items };
  });
  const backup: Backup = { format, owner, collections };
  return dataToBytes(backup as unknown as Data);
}

/** All of it, or nothing. @throws PeerloomError `ERR_VAULT_INVALID` and those of {@link accept}. */
export function importCollections(store: VaultStore, owner: string, exported: Uint8Array): void {
  const backup = read(exported);
  if (backup.owner !== owner) {
    throw new PeerloomError('ERR_VAULT_INVALID', `the export is of ${backup.owner}, not of this identity`);
  }
  store.transaction(() => {
    for (const { collection, version, ...delivery } of backup.collections) {
      const known = store.collection(owner, collection)?.version ?? 0;
      accept(store, { owner, collection }, delivery);
      store.setVersion(owner, collection, Math.max(known, version));
    }
  });
}

function read(exported: Uint8Array): Backup {
  try {
    const backup = dataFromBytes(exported) as unknown as Backup;
    if (backup.format === format && Array.isArray(backup.collections)) return backup;
    throw new Error('it has another form');
  } catch (cause) {
    throw new PeerloomError('ERR_VAULT_INVALID', 'this is no export of a vault', { cause });
  }
}
