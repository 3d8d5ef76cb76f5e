import type { Runtime } from '../../base/runtime.ts';
import type { Steps } from '../../base/steps.ts';
import { CollectionCache } from './collection-cache.ts';
import type { CollectionName } from './collection-state.ts';
import { firstEntries, firstItems } from './first-that-fit.ts';
import type { SealedItem } from './item.ts';
import type { LogEntry, StoredCollection } from './manifest.ts';
import { defaultBounds, type Keeping, type StoreBounds, StoreUsage } from './store-usage.ts';
import { VaultDatabase } from './vault-database.ts';
import {
  deletedAtOnce,
  type EpochRange,
  type ManifestPart,
  type Range,
  type VaultStore,
} from './vault-store.ts';

export interface SqliteVaultStoreOptions {
  /** Default: the bounds of a vault in a file. */
  readonly bounds?: StoreBounds;
  /** Opens the files of simulated disks. */
  readonly runtime?: Pick<Runtime, 'openDatabase'>;
}

/** The store of a vault in SQLite, in memory or in a file. It needs a runtime with the module node:sqlite. */
export class SqliteVaultStore implements VaultStore {
  readonly #database: VaultDatabase;
  readonly #collections = new CollectionCache();
  readonly #isInMemory: boolean;
  readonly #usage: StoreUsage;

  /** @throws the errors of the constructor of {@link VaultDatabase}. */
  constructor(path: string | undefined, ownId: string, { bounds, runtime }: SqliteVaultStoreOptions = {}) {
    this.#isInMemory = path === undefined;
    this.#database = new VaultDatabase(path, ownId, runtime);
    this.#usage = new StoreUsage((keeping) => this.#bytesKept(keeping), bounds ?? defaultBounds);
  }

  close(): void {
    this.#database.close();
  }

  /** Returns `undefined`, because SQLite has written a change when the transaction returns. */
  written(): undefined {}

  /** Bytes of memory that other owners' collections take. */
  get heldBytes(): number {
    return this.#isInMemory && this.#database.isOpen ? this.#usage.totalBytes : 0;
  }

  /** Called with the bytes that are newly kept. */
  set onGrowth(onGrowth: (bytes: number) => void) {
    this.#usage.onGrowth = onGrowth;
  }

  /**
   * Runs a change in a transaction, all of it or nothing. The caller must make changes to other memory afterwards.
   *
   * @throws PeerloomError `ERR_MESSAGE_TOO_LARGE` if more would be kept of other owners than the bounds allow.
   */
  transaction<Result>(change: () => Result): Result {
    try {
      return this.#database.transaction(() => this.#usage.within(change));
    } catch (error) {
      this.#collections.clear();
      throw error;
    }
  }

  /** Returns a collection whose state is proven. An unknown name takes no memory. */
  collection(owner: string, collection: string): StoredCollection | undefined {
    return this.#collections.get(owner, collection) ?? this.#readCollection(owner, collection);
  }

  /** Returns the names of an owner's collections. */
  collectionNames(owner: string): string[] {
    const rows = this.#database.all(
      'SELECT collection FROM collections WHERE owner = ? ORDER BY collection',
      owner,
    );
    return rows.map((row) => row.collection as string);
  }

  /** Adds entries to the log of a collection, and the state that the last one proves. A copy may become a replica. */
  saveManifest(
    { owner, collection }: CollectionName,
    { log, proven }: ManifestPart,
    keeping: Keeping | 'own' = 'own',
  ): void {
    this.transaction(() => {
      this.#database.run(
        `INSERT INTO collections VALUES (?, ?, '', 0, 0, ?, 600 + 2 * octet_length(?))
         ON CONFLICT DO UPDATE SET keeping = 'replica' WHERE keeping = 'copy' AND excluded.keeping = 'replica'`,
        ...[owner, collection, keeping, collection],
      );
      for (const entry of log) {
        const text = JSON.stringify(entry);
        this.#database.run('INSERT INTO log VALUES (?, ?, ?, ?)', owner, collection, entry.sequence, text);
      }
      if (proven === undefined) return;
      const text = JSON.stringify(proven.state);
      this.#database.run(
        `UPDATE collections SET bytes = bytes - octet_length(state) + octet_length(?), state = ?, sequence = ?
         WHERE owner = ? AND collection = ?`,
        ...[text, text, proven.head.sequence, owner, collection],
      );
    });
    this.#collections.delete(owner, collection);
  }

  setVersion(owner: string, collection: string, version: number): void {
    const sql = 'UPDATE collections SET version = ? WHERE owner = ? AND collection = ?';
    this.#database.run(sql, version, owner, collection);
    this.#collections.setVersion(owner, collection, version);
  }

  /** Returns the next entries of a log. */
  log(owner: string, collection: string, { after, maxBytes }: Range): LogEntry[] {
    return firstEntries(this.#entries(owner, collection, after), collection, maxBytes);
  }

  /** Returns the whole log, however long it is. */
  wholeLog(owner: string, collection: string): LogEntry[] {
    const sql = 'SELECT entry FROM log WHERE owner = ? AND collection = ? ORDER BY sequence';
    return this.#database.all(sql, owner, collection).map((row) => JSON.parse(row.entry as string));
  }

  entry(owner: string, collection: string, sequence: number): LogEntry | undefined {
    const sql = 'SELECT entry FROM log WHERE owner = ? AND collection = ? AND sequence = ?';
    const row = this.#database.get(sql, owner, collection, sequence);
    return row === undefined ? undefined : JSON.parse(row.entry as string);
  }

  /** Returns the last entry of a log. Its state may not have arrived yet, see {@link StoredCollection.head}. */
  lastEntry(owner: string, collection: string): LogEntry | undefined {
    const sql = 'SELECT entry FROM log WHERE owner = ? AND collection = ? ORDER BY sequence DESC LIMIT 1';
    const row = this.#database.get(sql, owner, collection);
    return row === undefined ? undefined : JSON.parse(row.entry as string);
  }

  item(owner: string, collection: string, item: string): SealedItem | undefined {
    const sql = 'SELECT * FROM items WHERE owner = ? AND collection = ? AND item = ?';
    const row = this.#database.get(sql, owner, collection, item);
    return row === undefined ? undefined : itemOf(row);
  }

  /** Returns the next items in the order of their versions. */
  items(
    owner: string,
    collection: string,
    { after, maxBytes }: Range,
  ): { items: SealedItem[]; more: boolean } {
    return firstItems(this.#items(owner, collection, after), maxBytes);
  }

  itemNames(owner: string, collection: string): string[] {
    const sql = 'SELECT item FROM items WHERE owner = ? AND collection = ? AND NOT deleted ORDER BY item';
    return this.#database.all(sql, owner, collection).map((row) => row.item as string);
  }

  countItems(owner: string, collection: string): number {
    const sql = 'SELECT COUNT(*) AS count FROM items WHERE owner = ? AND collection = ? AND NOT deleted';
    return this.#database.get(sql, owner, collection)!.count as number;
  }

  /** Returns some of the items of epochs in a range. */
  itemsOfEpochs(name: CollectionName, { first, last, limit }: EpochRange): SealedItem[] {
    const sql = 'SELECT * FROM items WHERE owner = ? AND collection = ? AND epoch BETWEEN ? AND ? LIMIT ?';
    return this.#database.all(sql, name.owner, name.collection, first, last, limit).map(itemOf);
  }

  saveItem({
    owner,
    collection,
    item,
    version,
    epoch,
    time,
    deleted,
    blob,
    body,
    signature,
  }: SealedItem): void {
    const values = [version, epoch, time, Number(deleted), blob, body, signature];
    this.#database.run(
      `INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner, collection, item) DO UPDATE SET
       version = excluded.version, epoch = excluded.epoch, time = excluded.time, deleted = excluded.deleted,
       blob = excluded.blob, body = excluded.body, signature = excluded.signature`,
      ...[owner, collection, item, ...values],
    );
  }

  saveChunk(owner: string, blob: string, number: number, body: Uint8Array): void {
    this.transaction(() => {
      // Not REPLACE, because its deletions run no triggers.
      const sql = `INSERT INTO chunks VALUES (?, ?, ?, ?)
        ON CONFLICT (owner, blob, number) DO UPDATE SET body = excluded.body`;
      this.#database.run(sql, owner, blob, number, body);
    });
  }

  chunk(owner: string, blob: string, number: number): Uint8Array | undefined {
    const sql = 'SELECT body FROM chunks WHERE owner = ? AND blob = ? AND number = ?';
    return this.#database.get(sql, owner, blob, number)?.body as Uint8Array | undefined;
  }

  countChunks(owner: string, blob: string): number {
    const sql = 'SELECT COUNT(*) AS count FROM chunks WHERE owner = ? AND blob = ?';
    return this.#database.get(sql, owner, blob)!.count as number;
  }

  /** Deletes chunks that no item names. */
  removeChunks(owner: string, blob: string): void {
    this.#database.run('DELETE FROM chunks WHERE owner = ? AND blob = ?', owner, blob);
  }

  /** Deletes a collection of another node. Pauses after each transaction, because there may be many items. */
  *removeCollection(owner: string, collection: string): Steps<void> {
    for (const table of ['items', 'log']) {
      const key = table === 'items' ? 'item' : 'sequence';
      const sql = `DELETE FROM ${table} WHERE owner = ? AND collection = ? AND ${key} IN
        (SELECT ${key} FROM ${table} WHERE owner = ? AND collection = ? LIMIT ${deletedAtOnce})`;
      while (this.#database.run(sql, owner, collection, owner, collection) > 0) {
        this.#collections.delete(owner, collection);
        yield;
      }
    }
    this.#database.run('DELETE FROM collections WHERE owner = ? AND collection = ?', owner, collection);
    this.#collections.delete(owner, collection);
  }

  *#entries(owner: string, collection: string, after: number): Generator<string, void> {
    const sql = 'SELECT entry FROM log WHERE owner = ? AND collection = ? AND sequence > ? ORDER BY sequence';
    for (const row of this.#database.iterate(sql, owner, collection, after)) yield row.entry as string;
  }

  *#items(owner: string, collection: string, after: number): Generator<SealedItem, void> {
    const sql = 'SELECT * FROM items WHERE owner = ? AND collection = ? AND version > ? ORDER BY version';
    for (const row of this.#database.iterate(sql, owner, collection, after)) yield itemOf(row);
  }

  #bytesKept(keeping: Keeping): number {
    return this.#database.get('SELECT bytes FROM usage WHERE keeping = ?', keeping)!.bytes as number;
  }

  #readCollection(owner: string, collection: string): StoredCollection | undefined {
    const sql = `SELECT state, version, entry FROM collections JOIN log USING (owner, collection, sequence)
      WHERE owner = ? AND collection = ?`;
    const row = this.#database.get(sql, owner, collection);
    if (row === undefined) return undefined;
    const [head, state] = [JSON.parse(row.entry as string), JSON.parse(row.state as string)];
    const stored = { head, state, version: row.version as number };
    this.#collections.set(stored, (row.state as string).length);
    return stored;
  }
}

function itemOf(row: Record<string, unknown>): SealedItem {
  return { ...(row as unknown as SealedItem), deleted: row.deleted === 1 };
}
