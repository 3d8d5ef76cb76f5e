import type { Data } from '../../data.ts';
import { PeerloomError } from '../../errors.ts';
import { dataFromBytes, dataToBytes } from '../data-bytes.ts';
import { accept, type Delivery } from './delivery.ts';
import type { VaultStore } from './vault-store.ts';

const format = 'peerloom-vault-export-1';

interface Backup {
  readonly format: string;
  readonly owner: string;
  readonly collections: readonly (Delivery & {
    readonly collection: string;
    readonly version: number;
    /** The chunks of large items, by their blob. */
    readonly chunks: { readonly [blob: string]: readonly Uint8Array[] };
  })[];
}

/** Everything of an owner, as it is kept. */
export function exportCollections(store: VaultStore, owner: string): Uint8Array {
  const collections = store.collectionNames(owner).map((collection) => {
    const { state, version } = store.collection(owner, collection)!;
    const { items } = store.items(owner, collection, { after: -1, maxBytes: Number.POSITIVE_INFINITY });
    const blobs = items.map(({ blob }) => blob).filter((blob) => blob !== '');
    const chunks = Object.fromEntries(blobs.map((blob) => [blob, chunksOf(store, owner, blob)]));
    return { collection, version, log: store.log(owner, collection, 0), state, items, chunks };
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
    for (const { collection, version, chunks, ...delivery } of backup.collections) {
      const known = store.collection(owner, collection)?.version ?? 0;
      accept(store, { owner, collection }, delivery);
      for (const [blob, bodies] of Object.entries(chunks)) {
        for (const [number, body] of bodies.entries()) store.saveChunk(owner, blob, number, body);
      }
      store.setVersion(owner, collection, Math.max(known, version));
    }
  });
}

function chunksOf(store: VaultStore, owner: string, blob: string): Uint8Array[] {
  return Array.from(
    { length: store.countChunks(owner, blob) },
    (_, number) => store.chunk(owner, blob, number)!,
  );
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
