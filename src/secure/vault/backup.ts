import type { Pace } from '../../base/computing-pace.ts';
import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { sha256Hex } from '../../base/sha256.ts';
import { runNow, runPaced, type Steps } from '../../base/steps.ts';
import { dataFromBytes, dataToBytes } from '../data-bytes.ts';
import { fieldsOf } from '../fields.ts';
import { type CollectionName, type CollectionState, currentEpoch } from './collection-state.ts';
import { type Delivery, keepOwn, proveOwn } from './delivery.ts';
import type { EpochKeys } from './epoch-keys.ts';
import { openItem, type SealedItem, verifyItem } from './item.ts';
import { descriptionOf } from './large-description.ts';
import { verifyLog, verifyState } from './manifest.ts';
import { turnPace } from './turn.ts';
import type { VaultEngine } from './vault-engine.ts';
import { deliveryOf } from './vault-protocol.ts';
import type { VaultStore } from './vault-store.ts';

/**
 * A collection in an export. Everything in it is signed by the owner, or proven by what is signed, because an export
 * passes through many hands.
 */
interface CollectionBackup extends Delivery {
  readonly collection: string;
  readonly state: CollectionState;
  /** The chunks of the large items, by their blobs. */
  readonly chunks: Chunks;
}

type Chunks = Readonly<Record<string, readonly Uint8Array[]>>;

const format = 'peerloom-vault-export-3';

/**
 * Exports all collections of an owner as they are stored, one after the other. No collection of the owner may change
 * meanwhile.
 */
export async function exportCollections(
  store: VaultStore,
  owner: string,
  pace: Pick<Pace, 'pause'>,
): Promise<Uint8Array> {
  await store.written();
  const collections: Uint8Array[] = [];
  for (const collection of store.collectionNames(owner)) {
    const backup = await backupOf(store, { owner, collection });
    collections.push(dataToBytes(backup as unknown as Data));
    await pace.pause();
  }
  return dataToBytes({ format, owner, collections });
}

async function backupOf(store: VaultStore, { owner, collection }: CollectionName): Promise<CollectionBackup> {
  const { state } = store.collection(owner, collection)!;
  const items = [...allItems(store, owner, collection)];
  const blobs = items.map(({ blob }) => blob).filter((blob) => blob !== '');
  const chunks: Record<string, Uint8Array[]> = {};
  for (const blob of blobs) chunks[blob] = await chunksOf(store, owner, blob);
  return { collection, log: store.wholeLog(owner, collection), state, items, chunks };
}

/**
 * Imports all of an export, or nothing. Everything is proven in steps, and then stored in one turn of the event loop.
 * No collection of the owner may change meanwhile.
 *
 * @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_NOT_PERMITTED` and `ERR_DECRYPTION` for chunks that the owner's items
 * do not prove; and the errors of {@link proveOwn}.
 */
export async function importCollections(
  { store, keys, runtime }: Pick<VaultEngine, 'store' | 'keys' | 'runtime'>,
  owner: string,
  exported: Uint8Array,
): Promise<void> {
  const pace = turnPace(runtime);
  const collections = await runPaced(readSteps(exported, owner), pace);
  for (const part of collections) {
    await verifyChunks(keys, { owner, ...part });
    await runPaced(proveOwn(store, { owner, collection: part.collection }, part), pace);
  }
  store.transaction(() => {
    for (const { collection, chunks, ...delivery } of collections) {
      const { state, version } = keepOwn(store, { owner, collection }, delivery);
      for (const { item, blob } of delivery.items) {
        if (blob === '' || store.item(owner, collection, item)!.blob !== blob) continue;
        for (const [number, body] of chunks[blob]!.entries()) store.saveChunk(owner, blob, number, body);
      }
      store.setVersion(owner, collection, Math.max(version, lastVersion(state, delivery.items)));
    }
  });
  await store.written();
}

/** The last version that the owner has assigned, as far as the signed data shows it. */
function lastVersion(state: CollectionState, items: readonly SealedItem[]): number {
  return items.reduce((last, { version }) => Math.max(last, version), currentEpoch(state).from - 1);
}

/** @throws PeerloomError unless each chunk belongs to an item of the collection, and is as it was put. */
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

async function chunksOf(store: VaultStore, owner: string, blob: string): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for (let number = 0; number < store.countChunks(owner, blob); number++) {
    chunks.push((await store.chunk(owner, blob, number))!);
  }
  return chunks;
}

/** Reads an export, and checks its form only. The content is proven later. */
function* readSteps(exported: Uint8Array, owner: string): Steps<CollectionBackup[]> {
  const { format: found, owner: foundOwner, collections } = fieldsOf(dataOf(exported));
  const isExport = found === format && typeof foundOwner === 'string' && Array.isArray(collections);
  if (!isExport) throw notAnExport();
  if (foundOwner !== owner) throw invalid(`the export belongs to ${foundOwner}, not to this identity`);
  const parts = new Map<string, CollectionBackup>();
  for (const bytes of collections) {
    if (!(bytes instanceof Uint8Array)) throw notAnExport();
    const part: unknown = dataOf(bytes);
    if (!isCollection(part)) throw notAnExport();
    const { collection } = part;
    if (parts.has(collection)) throw invalid(`the export has the collection ${collection} twice`);
    parts.set(collection, part);
    yield;
  }
  return [...parts.values()];
}

function dataOf(bytes: Uint8Array): Data {
  try {
    return dataFromBytes(bytes);
  } catch (cause) {
    throw notAnExport({ cause });
  }
}

function isCollection(part: unknown): part is CollectionBackup {
  const { collection, state, chunks } = fieldsOf(part as Data);
  const bodies = Object.values(fieldsOf(chunks ?? null));
  const isForm = typeof collection === 'string' && state !== null && typeof chunks === 'object';
  deliveryOf(part as Data, Number.POSITIVE_INFINITY);
  return (
    isForm && bodies.every((list) => Array.isArray(list) && list.every((body) => body instanceof Uint8Array))
  );
}

function notAnExport(options?: { cause: unknown }): PeerloomError {
  return invalid('this is not an export of a vault', options);
}

function invalid(message: string, options?: { cause: unknown }): PeerloomError {
  return new PeerloomError('ERR_VAULT_INVALID', message, options);
}
