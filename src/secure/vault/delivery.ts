import type { Pace } from '../../base/computing-pace.ts';
import { PeerloomError } from '../../base/errors.ts';
import { runPaced, type Steps } from '../../base/steps.ts';
import { type CollectionName, type CollectionState, epochOfVersion } from './collection-state.ts';
import { type SealedItem, verifyItem } from './item.ts';
import {
  checkFollows,
  forked,
  type LogEntry,
  type StoredCollection,
  verifyEntry,
  verifyLog,
  verifyState,
} from './manifest.ts';
import type { Keeping } from './store-usage.ts';
import type { VaultStore } from './vault-store.ts';

/** The part of a collection that one node sends to another. */
export interface Delivery {
  /**
   * The log entries that the receiver does not have, or the next part of them. Only the last entry of the log if there
   * are none.
   */
  readonly log: readonly LogEntry[];
  /**
   * The state that the last entry of the log proves. `null` if the receiver has it, or if more of the log will follow.
   */
  readonly state: CollectionState | null;
  readonly items: readonly SealedItem[];
}

/** The result of a delivery that was proven. */
export interface Accepted {
  /** The collection as it is now. `undefined` while a part of its log is still missing. */
  readonly collection: StoredCollection | undefined;
  /** Items for which there is no room. They are newer than those in the store. */
  readonly unkept: readonly SealedItem[];
}

/**
 * Stores a delivery if every part of it is proven to be its owner's, and nothing is older than what the store has.
 * Otherwise it stores nothing. The proof runs before the transaction, and lets other work run between its steps.
 *
 * @param keeping why the collection is kept.
 * @throws PeerloomError `ERR_VAULT_INVALID`, `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID`, `ERR_FORK`, `ERR_ROLLBACK`;
 * `ERR_MESSAGE_TOO_LARGE` if there is no room; `ERR_VAULT_FILE`.
 */
export async function accept(
  store: VaultStore,
  name: CollectionName,
  { delivery, keeping, pace }: { delivery: Delivery; keeping: Keeping; pace: Pick<Pace, 'pause'> },
): Promise<Accepted> {
  try {
    await runPaced(prove(store, name, delivery), pace);
    const accepted = keep(store, name, { delivery, keeping });
    await store.written();
    return accepted;
  } catch (error) {
    throw offenceOf(error);
  }
}

/**
 * The first half of {@link accept} for a collection of this node: proves a delivery. This node's collections must not
 * change until {@link keepOwn}.
 */
export function* proveOwn(store: VaultStore, name: CollectionName, delivery: Delivery): Steps<void> {
  try {
    yield* prove(store, name, delivery);
  } catch (error) {
    throw offenceOf(error);
  }
}

/** The second half of {@link accept} for a collection of this node: stores what {@link proveOwn} has proven. */
export function keepOwn(store: VaultStore, name: CollectionName, delivery: Delivery): StoredCollection {
  try {
    return keep(store, name, { delivery }).collection!;
  } catch (error) {
    throw offenceOf(error);
  }
}

function offenceOf(error: unknown): PeerloomError {
  if (error instanceof PeerloomError) return error;
  return new PeerloomError('ERR_VAULT_INVALID', 'a delivery is malformed', { cause: error });
}

/** Proves a delivery. Pauses after each signature. */
function* prove(store: VaultStore, name: CollectionName, { log, state, items }: Delivery): Steps<void> {
  const { owner, collection } = name;
  const known = store.lastEntry(owner, collection);
  const head = log.at(-1);
  if (head === undefined) throw new PeerloomError('ERR_VAULT_INVALID', 'a delivery has no log');
  checkKnown(store, name, { log, known });
  if (known !== undefined && head.epoch < known.epoch) {
    const message = `the epoch ${head.epoch} of ${collection} is outdated: this node has seen ${known.epoch}`;
    throw new PeerloomError('ERR_ROLLBACK', message);
  }
  yield* verifyLog(newsOf(log, known), name, known);
  const stored = store.collection(owner, collection);
  const isNewer = head.sequence > (stored?.head.sequence ?? 0);
  if (isNewer && state !== null) yield* verifyState(state, head);
  const current = isNewer ? state : stored!.state;
  if (current === null && items.length > 0) {
    throw new PeerloomError(
      'ERR_VAULT_INVALID',
      'a delivery has items without the state that they belong to',
    );
  }
  for (const item of items) {
    proveItem(store, name, { item, state: current! });
    yield;
  }
}

/** Checks what was proven against what has been stored meanwhile, and stores it. */
function keep(
  store: VaultStore,
  name: CollectionName,
  { delivery: { log, state, items }, keeping }: { delivery: Delivery; keeping?: Keeping },
): Accepted {
  const { owner, collection } = name;
  const head = log.at(-1)!;
  store.transaction(() => {
    let last = store.lastEntry(owner, collection);
    checkKnown(store, name, { log, known: last });
    const news = newsOf(log, last);
    for (const entry of news) {
      checkFollows(entry, last);
      last = entry;
    }
    const isNewer = head.sequence > (store.collection(owner, collection)?.head.sequence ?? 0);
    const proven = isNewer && state !== null ? { head, state } : undefined;
    store.saveManifest(name, { log: news, proven }, keeping);
  });
  return { collection: store.collection(owner, collection), unkept: keepItems(store, items) };
}

/** @returns the items for which there is no room. */
function keepItems(store: VaultStore, items: readonly SealedItem[]): readonly SealedItem[] {
  const isNewer = ({ owner, collection, item, version }: SealedItem): boolean =>
    (store.item(owner, collection, item)?.version ?? -1) < version;
  const newer = items.filter(isNewer);
  if (newer.length === 0) return [];
  try {
    store.transaction(() => {
      for (const item of newer) store.saveItem(item);
    });
    return [];
  } catch (error) {
    if ((error as PeerloomError).code === 'ERR_MESSAGE_TOO_LARGE') return newer;
    throw error;
  }
}

/** The entries after the last one in the store. */
function newsOf(log: readonly LogEntry[], known: LogEntry | undefined): readonly LogEntry[] {
  return log.filter(({ sequence }) => sequence > (known?.sequence ?? 0));
}

/** Checks that entries which the store has already are the same. */
function checkKnown(
  store: VaultStore,
  { owner, collection }: CollectionName,
  { log, known }: { readonly log: readonly LogEntry[]; readonly known: LogEntry | undefined },
): void {
  for (const entry of log) {
    if (known === undefined || entry.sequence > known.sequence) continue;
    const own = store.entry(owner, collection, entry.sequence);
    if (own?.hash === entry.hash) continue;
    verifyEntry(entry);
    if (entry.owner !== owner || entry.collection !== collection) {
      throw new PeerloomError('ERR_VAULT_INVALID', 'a log entry of another collection');
    }
    throw forked(entry);
  }
}

function proveItem(
  store: VaultStore,
  { owner, collection }: CollectionName,
  { item, state }: { readonly item: SealedItem; readonly state: CollectionState },
): void {
  const known = store.item(owner, collection, item.item);
  if (known !== undefined && isSame(known, item)) return;
  verifyItem(item);
  if (item.owner !== owner || item.collection !== collection) {
    throw new PeerloomError('ERR_VAULT_INVALID', `an item of ${item.collection} was sent for ${collection}`);
  }
  if (epochOfVersion(state, item.version)?.epoch !== item.epoch) {
    const message = `version ${item.version} of ${item.item} does not belong to epoch ${item.epoch}`;
    throw new PeerloomError('ERR_VAULT_INVALID', message);
  }
  if (known !== undefined && known.version > item.version) {
    const message = `version ${item.version} of ${item.item} is outdated: this node has seen ${known.version}`;
    throw new PeerloomError('ERR_ROLLBACK', message);
  }
}

/** Whether a delivered item equals the stored one, which was proven before, in every field. */
function isSame(known: SealedItem, item: SealedItem): boolean {
  return Object.entries(known).every(([name, value]: [string, unknown]) => {
    const other: unknown = item[name as keyof SealedItem];
    if (!(value instanceof Uint8Array) || !(other instanceof Uint8Array)) return value === other;
    return areEqual(value, other);
  });
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}
