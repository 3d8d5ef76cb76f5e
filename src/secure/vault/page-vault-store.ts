import { PeerloomError } from '../../base/errors.ts';
import type { Steps } from '../../base/steps.ts';
import { CollectionCache } from './collection-cache.ts';
import type { CollectionName } from './collection-state.ts';
import { firstEntries, firstItems } from './first-that-fit.ts';
import type { SealedItem } from './item.ts';
import type { LogEntry, StoredCollection } from './manifest.ts';
import { defaultBounds, type Keeping, type StoreBounds, StoreUsage } from './store-usage.ts';
import {
  deletedAtOnce,
  type EpochRange,
  type ManifestPart,
  type Range,
  type VaultStore,
} from './vault-store.ts';
import { type RowChange, type RowKey, type TableName, VaultTables } from './vault-tables.ts';
import { VersionOrders } from './version-orders.ts';

/** Keeps the content of a {@link PageVaultStore} on a disk. */
export interface Journal {
  /** Writes the changes of one transaction later, all or none. @param undo undoes them in memory if that fails. */
  append(changes: readonly RowChange[], undo: () => void): void;
  /** Resolves when everything is written. `undefined` if it is already. */
  written(): Promise<void> | undefined;
  /** Reads a chunk that is not in memory. */
  chunk(key: RowKey): Promise<Uint8Array | undefined>;
  /** @throws PeerloomError if nothing can be written any more. */
  check(): void;
  close(): Promise<void>;
}

export interface PageVaultStoreOptions {
  readonly bounds?: StoreBounds;
  /** Default: the vault is kept only in memory. */
  readonly journal?: Journal;
  /** The rows that the journal has stored. */
  readonly rows?: Iterable<RowChange>;
}

/**
 * The store of a vault if there is no SQLite. Everything is in memory, except the chunks of large items if a
 * {@link Journal} keeps them. Changes are made in memory immediately. The journal writes them later, and undoes those
 * that it cannot write.
 */
export class PageVaultStore implements VaultStore {
  readonly #tables: VaultTables;
  readonly #journal: Journal | undefined;
  readonly #usage: StoreUsage;
  readonly #collections = new CollectionCache();
  readonly #orders: VersionOrders;
  /** The changes of the current transaction. `undefined` if there is none. */
  #changes: RowChange[] | undefined;
  #isClosed = false;

  constructor(ownId: string, { bounds = defaultBounds, journal, rows = [] }: PageVaultStoreOptions = {}) {
    this.#tables = new VaultTables(ownId);
    for (const row of rows) this.#tables.change(row);
    this.#tables.takeUndo();
    this.#journal = journal;
    this.#usage = new StoreUsage((keeping) => this.#tables.bytesKept(keeping), bounds);
    this.#orders = new VersionOrders((owner, collection) => this.#items(owner, collection));
  }

  get heldBytes(): number {
    return this.#isClosed ? 0 : this.#usage.totalBytes;
  }

  get onGrowth(): (bytes: number) => void {
    return this.#usage.onGrowth;
  }

  set onGrowth(onGrowth: (bytes: number) => void) {
    this.#usage.onGrowth = onGrowth;
  }

  transaction<Result>(change: () => Result): Result {
    if (this.#isClosed) throw new PeerloomError('ERR_NOT_STARTED', 'the vault is closed: its node stopped');
    if (this.#changes !== undefined) return this.#usage.within(change);
    this.#journal?.check();
    const changes: RowChange[] = [];
    this.#changes = changes;
    try {
      const result = this.#usage.within(change);
      const undo = this.#tables.takeUndo();
      if (changes.length > 0) this.#journal?.append(changes, () => this.#forget(undo));
      return result;
    } catch (error) {
      this.#forget(this.#tables.takeUndo());
      throw error;
    } finally {
      this.#changes = undefined;
    }
  }

  written(): Promise<void> | undefined {
    return this.#journal?.written();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#journal?.close();
  }

  collection(owner: string, collection: string): StoredCollection | undefined {
    return this.#collections.get(owner, collection) ?? this.#readCollection(owner, collection);
  }

  collectionNames(owner: string): string[] {
    if (this.#isClosed) this.transaction(() => {});
    return this.#tables.groupNames('collections', owner).sort();
  }

  saveManifest(
    { owner, collection }: CollectionName,
    { log, proven }: ManifestPart,
    keeping: Keeping | 'own' = 'own',
  ): void {
    const key = [owner, collection] as const;
    this.transaction(() => {
      const row = this.#tables.get('collections', key) ?? { sequence: 0, version: 0, keeping };
      const isReplica = row.keeping === 'copy' && keeping === 'replica';
      const sequence = proven?.head.sequence ?? row.sequence;
      this.#change('collections', key, { ...row, sequence, keeping: isReplica ? keeping : row.keeping });
      for (const entry of log) this.#change('log', [...key, entry.sequence], JSON.stringify(entry));
      if (proven !== undefined) this.#change('states', key, JSON.stringify(proven.state));
    });
    this.#collections.delete(owner, collection);
  }

  setVersion(owner: string, collection: string, version: number): void {
    this.transaction(() => {
      const row = this.#tables.get('collections', [owner, collection]);
      if (row !== undefined) this.#change('collections', [owner, collection], { ...row, version });
    });
    this.#collections.setVersion(owner, collection, version);
  }

  log(owner: string, collection: string, { after, maxBytes }: Range): LogEntry[] {
    return firstEntries(this.#entries(owner, collection, after), collection, maxBytes);
  }

  wholeLog(owner: string, collection: string): LogEntry[] {
    return Array.from(this.#entries(owner, collection, 0), (entry) => JSON.parse(entry));
  }

  entry(owner: string, collection: string, sequence: number): LogEntry | undefined {
    const entry = this.#tables.get('log', [owner, collection, sequence]);
    return entry === undefined ? undefined : JSON.parse(entry);
  }

  lastEntry(owner: string, collection: string): LogEntry | undefined {
    // A log has no gaps (see `checkFollows`), so its length is the sequence of its last entry.
    return this.entry(owner, collection, this.#tables.group('log', owner, collection).size);
  }

  item(owner: string, collection: string, item: string): SealedItem | undefined {
    return this.#tables.get('items', [owner, collection, item]);
  }

  items(
    owner: string,
    collection: string,
    { after, maxBytes }: Range,
  ): { items: SealedItem[]; more: boolean } {
    return firstItems(this.#orders.after(owner, collection, after), maxBytes);
  }

  itemNames(owner: string, collection: string): string[] {
    const present = [...this.#items(owner, collection).values()].filter(({ deleted }) => !deleted);
    return present.map(({ item }) => item).sort();
  }

  countItems(owner: string, collection: string): number {
    let count = 0;
    for (const { deleted } of this.#items(owner, collection).values()) if (!deleted) count += 1;
    return count;
  }

  itemsOfEpochs({ owner, collection }: CollectionName, { first, last, limit }: EpochRange): SealedItem[] {
    const items: SealedItem[] = [];
    for (const item of this.#items(owner, collection).values()) {
      if (items.length === limit) break;
      if (item.epoch >= first && item.epoch <= last) items.push(item);
    }
    return items;
  }

  saveItem(given: SealedItem): void {
    const { owner, collection } = given;
    // Copied, because the bytes may be a small part of a large message, which would stay in memory as a whole.
    const item = { ...given, body: given.body.slice(), signature: given.signature.slice() };
    this.transaction(() => {
      const before = this.item(owner, collection, item.item);
      this.#change('items', [owner, collection, item.item], item);
      if (before !== undefined && before.blob !== item.blob) this.removeChunks(owner, before.blob);
    });
    this.#orders.add(item);
  }

  saveChunk(owner: string, blob: string, number: number, body: Uint8Array): void {
    this.transaction(() => this.#change('chunks', [owner, blob, number], { length: body.length, body }));
  }

  async chunk(owner: string, blob: string, number: number): Promise<Uint8Array | undefined> {
    const row = this.#tables.get('chunks', [owner, blob, number]);
    return row === undefined ? undefined : (row.body ?? this.#journal?.chunk([owner, blob, number]));
  }

  countChunks(owner: string, blob: string): number {
    return this.#tables.group('chunks', owner, blob).size;
  }

  removeChunks(owner: string, blob: string): void {
    this.transaction(() => this.#deleteSome('chunks', [owner, blob], Number.POSITIVE_INFINITY));
  }

  *removeCollection(owner: string, collection: string): Steps<void> {
    const remove = (table: TableName) => (): number => {
      if (table === 'items') this.#removeChunksOfSome(owner, collection);
      return this.#deleteSome(table, [owner, collection], deletedAtOnce);
    };
    for (const table of ['items', 'log'] as const) {
      while (this.transaction(remove(table)) > 0) {
        this.#collections.delete(owner, collection);
        yield;
      }
    }
    this.transaction(() => {
      this.#change('states', [owner, collection], undefined);
      this.#change('collections', [owner, collection], undefined);
    });
    this.#collections.delete(owner, collection);
  }

  #items(owner: string, collection: string): ReadonlyMap<string | number, SealedItem> {
    return this.#tables.group('items', owner, collection);
  }

  *#entries(owner: string, collection: string, after: number): Generator<string, void> {
    for (let sequence = after + 1; ; sequence++) {
      const entry = this.#tables.get('log', [owner, collection, sequence]);
      if (entry === undefined) return;
      yield entry;
    }
  }

  /** @returns the number of rows that it deleted. */
  #deleteSome(table: TableName, [owner, group]: RowKey, limit: number): number {
    const keys = firstOf(this.#tables.group(table, owner, group).keys(), limit);
    for (const key of keys) this.#change(table, [owner, group, key], undefined);
    return keys.length;
  }

  #removeChunksOfSome(owner: string, collection: string): void {
    for (const { blob } of firstOf(this.#items(owner, collection).values(), deletedAtOnce)) {
      this.#deleteSome('chunks', [owner, blob], Number.POSITIVE_INFINITY);
    }
  }

  #change(table: TableName, key: RowKey, row: RowChange['row']): void {
    this.#changes!.push({ table, key, row });
    // The journal keeps the bodies of chunks, which may be larger than the memory of a page.
    const isKept = table === 'chunks' && row !== undefined && this.#journal !== undefined;
    this.#tables.change({
      table,
      key,
      row: isKept ? { ...(row as { length: number }), body: undefined } : row,
    });
  }

  #forget(undo: () => void): void {
    undo();
    this.#collections.clear();
    this.#orders.clear();
  }

  #readCollection(owner: string, collection: string): StoredCollection | undefined {
    const row = this.#tables.get('collections', [owner, collection]);
    const state = this.#tables.get('states', [owner, collection]);
    const head = row && this.entry(owner, collection, row.sequence);
    if (row === undefined || state === undefined || head === undefined) return undefined;
    const stored = { head, state: JSON.parse(state), version: row.version };
    this.#collections.set(stored, state.length);
    return stored;
  }
}

function firstOf<Value>(values: Iterable<Value>, limit: number): Value[] {
  const first: Value[] = [];
  for (const value of values) {
    if (first.length === limit) break;
    first.push(value);
  }
  return first;
}
