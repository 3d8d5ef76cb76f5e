import { PeerloomError } from '../../errors.ts';
import { type SealedItem, verifyItem } from './item.ts';
import {
  type CollectionState,
  epochOfVersion,
  forked,
  type LogEntry,
  verifyEntry,
  verifyLog,
  verifyState,
} from './manifest.ts';
import type { StoredCollection, VaultStore } from './vault-store.ts';

/** Which collection, and whose. */
export interface CollectionName {
  readonly owner: string;
  readonly collection: string;
}

/** What one node gives another of a collection. */
export interface Delivery {
  /** The log beyond what the receiver has, or its last entry alone. */
  readonly log: readonly LogEntry[];
  /** What the last entry of the log proves; `null` when the receiver has it. */
  readonly state: CollectionState | null;
  readonly items: readonly SealedItem[];
}

/**
 * Takes a delivery into the store once every part of it is proven to be its owner's, and nothing older than what
 * is there; otherwise nothing of it.
 *
 * @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID`, `ERR_FORK`,
 * `ERR_ROLLBACK`.
 */
export function accept(store: VaultStore, name: CollectionName, delivery: Delivery): StoredCollection {
  try {
    return store.transaction(() => {
      acceptLog(store, name, delivery);
      const collection = store.collection(name.owner, name.collection)!;
      for (const item of delivery.items) acceptItem(store, name, { item, state: collection.state });
      return collection;
    });
  } catch (error) {
    if (error instanceof PeerloomError) throw error;
    throw new PeerloomError('ERR_VAULT_INVALID', 'a delivery has another form', { cause: error });
  }
}

function acceptLog(store: VaultStore, name: CollectionName, { log, state }: Delivery): void {
  const { owner, collection } = name;
  const known = store.collection(owner, collection)?.head;
  const head = log.at(-1);
  if (head === undefined) throw new PeerloomError('ERR_VAULT_INVALID', 'a delivery has no log');
  if (known !== undefined) {
    for (const entry of log) if (entry.sequence <= known.sequence) checkSame(store, name, entry);
    if (head.epoch < known.epoch) {
      const message = `the epoch ${head.epoch} of ${collection} is over: ${known.epoch} has been seen`;
      throw new PeerloomError('ERR_ROLLBACK', message);
    }
  }
  const news = log.filter(({ sequence }) => sequence > (known?.sequence ?? 0));
  verifyLog(news, name, known);
  if (news.length === 0) return;
  if (state === null) throw new PeerloomError('ERR_VAULT_INVALID', 'a delivery has no state');
  verifyState(state, head);
  store.saveManifest(news, state);
}

/** An entry that is there already must be the same one. */
function checkSame(store: VaultStore, { owner, collection }: CollectionName, entry: LogEntry): void {
  const [own] = store.log(owner, collection, entry.sequence - 1);
  if (own?.hash === entry.hash) return;
  verifyEntry(entry);
  if (entry.owner !== owner || entry.collection !== collection) {
    throw new PeerloomError('ERR_VAULT_INVALID', 'a log entry of another collection');
  }
  throw forked(entry);
}

function acceptItem(
  store: VaultStore,
  { owner, collection }: CollectionName,
  { item, state }: { readonly item: SealedItem; readonly state: CollectionState },
): void {
  const known = store.item(owner, collection, item.item);
  if (known !== undefined && isSame(known, item)) return;
  verifyItem(item);
  if (item.owner !== owner || item.collection !== collection) {
    throw new PeerloomError('ERR_VAULT_INVALID', `an item of ${item.collection} was given for ${collection}`);
  }
  if (epochOfVersion(state, item.version)?.epoch !== item.epoch) {
    const message = `version ${item.version} of ${item.item} is not of epoch ${item.epoch}`;
    throw new PeerloomError('ERR_VAULT_INVALID', message);
  }
  if (known !== undefined && known.version > item.version) {
    const message = `version ${item.version} of ${item.item} is over: ${known.version} has been seen`;
    throw new PeerloomError('ERR_ROLLBACK', message);
  }
  if (known?.version === item.version) return;
  store.saveItem(item);
}

/** Whether what was delivered is, in all of its parts, what is there and was proven before. */
function isSame(known: SealedItem, item: SealedItem): boolean {
  return Object.entries(known).every(([name, value]: [string, unknown]) => {
    const other: unknown = item[name as keyof SealedItem];
    if (!(value instanceof Uint8Array) || !(other instanceof Uint8Array)) return value === other;
    return value.length === other.length && value.every((byte, index) => byte === other[index]);
  });
}
