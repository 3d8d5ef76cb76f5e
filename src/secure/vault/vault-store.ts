import type { CollectionName } from './delivery.ts';
import type { SealedItem } from './item.ts';
import type { CollectionState, LogEntry, Manifest } from './manifest.ts';
import { VaultDatabase } from './vault-database.ts';

/** A collection as it stands in the store. */
export interface StoredCollection extends Manifest {
  /** Own collections: the last version given to an item. Replicas: the last one that the owner sent. */
  readonly version: number;
}

/** Which items, in the order of their versions. */
export interface ItemRange {
  /** Items of later versions only. */
  readonly after: number;
  /** The bodies together stay below this, but for one item at least. */
  readonly maxBytes: number;
}

/** Which epochs, and how many items of them at most. */
export interface EpochRange {
  readonly first: number;
  readonly last: number;
  readonly limit: number;
}

/**
 * Collections, their logs and their items, own ones and those of others. What a method changes, it changes in one
 * transaction.
 */
export class VaultStore {
  readonly #database: VaultDatabase;
  readonly #collections = new Map<string, StoredCollection | undefined>();
  readonly #ownId: string;
  /** At least what belongs to others: counting takes long, and what new things replace is found out then. */
  #foreignBytes = Number.POSITIVE_INFINITY;

  /** @throws as the constructor of {@link VaultDatabase}. */
  constructor(path: string | undefined, ownId: string) {
    this.#ownId = ownId;
    this.#database = new VaultDatabase(path, ownId);
  }

  close(): void {
    this.#database.close();
  }

  /** Runs a change as a whole or not at all; what it does in memory as well must come after. */
  transaction<Result>(change: () => Result): Result {
    try {
      return this.#database.transaction(change);
    } catch (error) {
      this.#collections.clear();
      throw error;
    }
  }

  collection(owner: string, collection: string): StoredCollection | undefined {
    const key = `${owner} ${collection}`;
    if (!this.#collections.has(key)) this.#collections.set(key, this.#readCollection(owner, collection));
    return this.#collections.get(key);
  }

  /** The names of an owner's collections. */
  collectionNames(owner: string): string[] {
    const rows = this.#database.all(
      'SELECT collection FROM collections WHERE owner = ? ORDER BY collection',
      owner,
    );
    return rows.map((row) => row.collection as string);
  }

  /** Whose collections there are. */
  owners(): string[] {
    return this.#database.all('SELECT DISTINCT owner FROM collections').map((row) => row.owner as string);
  }

  /** Puts new entries to the log, and the state that the last one proves. */
  saveManifest(log: readonly LogEntry[], state: CollectionState): void {
    const { owner, collection } = log.at(-1)!;
    this.transaction(() => {
      for (const entry of log) {
        const text = JSON.stringify(entry);
        this.#database.run('INSERT INTO log VALUES (?, ?, ?, ?)', owner, collection, entry.sequence, text);
        this.#count(owner, text);
      }
      const text = JSON.stringify(state);
      this.#database.run(
        `INSERT INTO collections VALUES (?, ?, ?, 0)
         ON CONFLICT (owner, collection) DO UPDATE SET state = excluded.state`,
        ...[owner, collection, text],
      );
      this.#count(owner, text);
    });
    this.#collections.delete(`${owner} ${collection}`);
  }

  setVersion(owner: string, collection: string, version: number): void {
    this.#database.run(
      'UPDATE collections SET version = ? WHERE owner = ? AND collection = ?',
      version,
      owner,
      collection,
    );
    const key = `${owner} ${collection}`;
    const known = this.#collections.get(key);
    if (known !== undefined) this.#collections.set(key, { ...known, version });
  }

  log(owner: string, collection: string, after: number): LogEntry[] {
    const rows = this.#database.all(
      'SELECT entry FROM log WHERE owner = ? AND collection = ? AND sequence > ? ORDER BY sequence',
      owner,
      collection,
      after,
    );
    return rows.map((row) => JSON.parse(row.entry as string));
  }

  item(owner: string, collection: string, item: string): SealedItem | undefined {
    const sql = 'SELECT * FROM items WHERE owner = ? AND collection = ? AND item = ?';
    const row = this.#database.get(sql, owner, collection, item);
    return row === undefined ? undefined : itemOf(row);
  }

  /** The next items in the order of their versions. */
  items(
    owner: string,
    collection: string,
    { after, maxBytes }: ItemRange,
  ): { items: SealedItem[]; more: boolean } {
    const sql = 'SELECT * FROM items WHERE owner = ? AND collection = ? AND version > ? ORDER BY version';
    const items: SealedItem[] = [];
    let bytes = 0;
    for (const row of this.#database.iterate(sql, owner, collection, after)) {
      const item = itemOf(row);
      bytes += item.body.length;
      if (bytes > maxBytes && items.length > 0) return { items, more: true };
      items.push(item);
    }
    return { items, more: false };
  }

  itemNames(owner: string, collection: string): string[] {
    const sql = 'SELECT item FROM items WHERE owner = ? AND collection = ? AND NOT deleted ORDER BY item';
    return this.#database.all(sql, owner, collection).map((row) => row.item as string);
  }

  countItems(owner: string, collection: string): number {
    const sql = 'SELECT COUNT(*) AS count FROM items WHERE owner = ? AND collection = ? AND NOT deleted';
    return this.#database.get(sql, owner, collection)!.count as number;
  }

  /** Some of the items of epochs in a range. */
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
    this.#count(owner, body);
  }

  saveChunk(owner: string, blob: string, number: number, body: Uint8Array): void {
    this.#database.run('INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?)', owner, blob, number, body);
    this.#count(owner, body);
  }

  chunk(owner: string, blob: string, number: number): Uint8Array | undefined {
    const sql = 'SELECT body FROM chunks WHERE owner = ? AND blob = ? AND number = ?';
    return this.#database.get(sql, owner, blob, number)?.body as Uint8Array | undefined;
  }

  countChunks(owner: string, blob: string): number {
    const sql = 'SELECT COUNT(*) AS count FROM chunks WHERE owner = ? AND blob = ?';
    return this.#database.get(sql, owner, blob)!.count as number;
  }

  /** Forgets what no item names. */
  removeChunks(owner: string, blob: string): void {
    this.#database.run('DELETE FROM chunks WHERE owner = ? AND blob = ?', owner, blob);
  }

  /** Forgets a collection of another node. */
  removeCollection(owner: string, collection: string): void {
    this.transaction(() => {
      for (const table of ['items', 'log', 'collections']) {
        this.#database.run(`DELETE FROM ${table} WHERE owner = ? AND collection = ?`, owner, collection);
      }
    });
    this.#collections.delete(`${owner} ${collection}`);
  }

  /** Whether so many bytes of others would be no more than the maximum in all. */
  hasRoom(bytes: number, maxBytes: number): boolean {
    if (this.#foreignBytes + bytes > maxBytes) this.#foreignBytes = this.#countForeignBytes();
    return this.#foreignBytes + bytes <= maxBytes;
  }

  #count(owner: string, { length }: { readonly length: number }): void {
    if (owner !== this.#ownId) this.#foreignBytes += length;
  }

  #countForeignBytes(): number {
    const sql = `SELECT (SELECT TOTAL(LENGTH(body)) FROM items WHERE owner <> ?1)
      + (SELECT TOTAL(LENGTH(body)) FROM chunks WHERE owner <> ?1)
      + (SELECT TOTAL(LENGTH(entry)) FROM log WHERE owner <> ?1)
      + (SELECT TOTAL(LENGTH(state)) FROM collections WHERE owner <> ?1) AS bytes`;
    return this.#database.get(sql, this.#ownId)!.bytes as number;
  }

  #readCollection(owner: string, collection: string): StoredCollection | undefined {
    const sql = `SELECT state, version, entry FROM collections JOIN log USING (owner, collection)
      WHERE owner = ? AND collection = ? ORDER BY sequence DESC LIMIT 1`;
    const row = this.#database.get(sql, owner, collection);
    if (row === undefined) return undefined;
    const [head, state] = [JSON.parse(row.entry as string), JSON.parse(row.state as string)];
    return { head, state, version: row.version as number };
  }
}

function itemOf(row: Record<string, unknown>): SealedItem {
  return { ...(row as unknown as SealedItem), deleted: row.deleted === 1 };
}
