import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { sha256Hex } from '../../base/sha256.ts';
import { runNow } from '../../base/steps.ts';
import { dataFromBytes, dataToBytes } from '../data-bytes.ts';
import { fieldsOf } from '../fields.ts';
import { type CollectionName, type CollectionState, currentEpoch } from './collection-state.ts';
import { acceptOwn, type Delivery } from './delivery.ts';
import type { EpochKeys } from './epoch-keys.ts';
import { openItem, type SealedItem, verifyItem } from './item.ts';
import { descriptionOf } from './large-description.ts';
import { verifyLog, verifyState } from './manifest.ts';
import { deliveryOf } from './vault-protocol.ts';
import type { VaultStore } from './vault-store.ts';

/** Everything in it is signed by the owner, or proven by what is signed: an export passes through many hands. */
interface Backup {
  readonly format: typeof format;
  readonly owner: string;
  readonly collections: readonly CollectionBackup[];
}

interface CollectionBackup extends Delivery {
  readonly collection: string;
  readonly state: CollectionState;
  /** The chunks of large items, by their blob. */
  readonly chunks: Chunks;
}

type Chunks = Readonly<Record<string, readonly Uint8Array[]>>;

const format = 'peerloom-vault-export-2';

/** Everything of an owner, as it is kept. */
export function exportCollections(store: VaultStore, owner: string): Uint8Array {
  const collections = store.collectionNames(owner).map((collection): CollectionBackup => {
    const { state } = store.collection(owner, collection)!;
    const items = [...allItems(store, owner, collection)];
    const blobs = items.map(({ blob }) => blob).filter((blob) => blob !== '');
    const chunks = Object.fromEntries(blobs.map((blob) => [blob, chunksOf(store, owner, blob)]));
    return { collection, log: store.wholeLog(owner, collection), state, items, chunks };
  });
  const backup: Backup = { format, owner, collections };
  return dataToBytes(backup as unknown as Data);
}

/**
 * Takes in all of an export, or nothing.
 *
 * @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_NOT_PERMITTED` and `ERR_DECRYPTION` for chunks that the owner's items
 * do not prove, and those of {@link acceptOwn}.
 */
export async function importCollections(
  { store, keys }: { readonly store: VaultStore; readonly keys: EpochKeys },
  owner: string,
  exported: Uint8Array,
): Promise<void> {
  const backup = backupOf(exported);
  if (backup.owner !== owner) throw invalid(`the export belongs to ${backup.owner}, not to this identity`);
  for (const part of backup.collections) await verifyChunks(keys, { owner, ...part });
  store.transaction(() => {
    for (const { collection, chunks, ...delivery } of backup.collections) {
      const { state, version } = acceptOwn(store, { owner, collection }, delivery);
      for (const { item, blob } of delivery.items) {
        if (blob === '' || store.item(owner, collection, item)!.blob !== blob) continue;
        for (const [number, body] of chunks[blob]!.entries()) store.saveChunk(owner, blob, number, body);
      }
      store.setVersion(owner, collection, Math.max(version, lastVersion(state, delivery.items)));
    }
  });
}

/** The last version that the owner has given out, from what is signed. */
function lastVersion(state: CollectionState, items: readonly SealedItem[]): number {
  return items.reduce((last, { version }) => Math.max(last, version), currentEpoch(state).from - 1);
}

/** @throws PeerloomError unless each chunk is one of an item of the collection, and as it was put. */
async function verifyChunks(keys: EpochKeys, part: CollectionBackup & CollectionName): Promise<void> {
  try {
    await verifyChunksOf(keys, part);
  } catch (cause) {
    throw cause instanceof PeerloomError
      ? cause
      : invalid('a collection in the export is malformed', { cause });
  }
}

async function verifyChunksOf(
  keys: EpochKeys,
  { log, state, items, chunks, ...name }: CollectionBackup & CollectionName,
): Promise<void> {
  const large = items.filter(({ blob }) => blob !== '');
  if (Object.keys(chunks).length !== large.length)
    throw invalid('the export has chunks that belong to no item');
  if (large.length === 0) return;
  runNow(verifyLog(log, name, undefined));
  runNow(verifyState(state, log.at(-1)!));
  for (const item of large) {
    verifyItem(item);
    const epoch = state.epochs.find((one) => one.epoch === item.epoch);
    const key = await keys.unwrap({ ...name, epoch: item.epoch }, epoch);
    const { hashes } = descriptionOf(openItem(item, key));
    const bodies = Object.hasOwn(chunks, item.blob) ? chunks[item.blob]! : [];
    const isWhole = bodies.length === hashes.length;
    if (!isWhole || bodies.some((body, number) => sha256Hex(body) !== hashes[number])) {
      throw invalid(`chunks of ${item.item} are missing or damaged`);
    }
  }
}

function* allItems(store: VaultStore, owner: string, collection: string): Generator<SealedItem> {
  for (let after = -1; ; ) {
    const { items, more } = store.items(owner, collection, { after, maxBytes: Number.POSITIVE_INFINITY });
    yield* items;
    if (!more) return;
    after = items.at(-1)!.version;
  }
}

function chunksOf(store: VaultStore, owner: string, blob: string): Uint8Array[] {
  return Array.from(
    { length: store.countChunks(owner, blob) },
    (_, number) => store.chunk(owner, blob, number)!,
  );
}

/** The outer form only; what is inside is proven later. */
function backupOf(exported: Uint8Array): Backup {
  let backup: Data;
  try {
    backup = dataFromBytes(exported);
  } catch (cause) {
    throw invalid('this is not an export of a vault', { cause });
  }
  const { format: found, owner, collections } = fieldsOf(backup);
  const isBackup = found === format && typeof owner === 'string' && Array.isArray(collections);
  if (!isBackup || !collections.every(isCollection)) throw invalid('this is not an export of a vault');
  return backup as unknown as Backup;
}

function isCollection(part: Data): boolean {
  const { collection, state, chunks } = fieldsOf(part);
  const bodies = Object.values(fieldsOf(chunks ?? null));
  const isForm = typeof collection === 'string' && state !== null && typeof chunks === 'object';
  deliveryOf(part, Number.POSITIVE_INFINITY);
  return (
    isForm && bodies.every((list) => Array.isArray(list) && list.every((body) => body instanceof Uint8Array))
  );
}

function invalid(message: string, options?: { cause: unknown }): PeerloomError {
  return new PeerloomError('ERR_VAULT_INVALID', message, options);
}
