import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { requiredBuiltin } from '../../builtin.ts';
import { PeerloomError } from '../../errors.ts';
import type { CollectionName } from './delivery.ts';
import type { SealedItem } from './item.ts';
import type { CollectionState, LogEntry, Manifest } from './manifest.ts';
import { vaultSchema } from './vault-schema.ts';

const formatVersion = '1';

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
 * Collections, their logs and their items, own ones and those of others, in SQLite: in memory, or in a file that
 * one process at a time may use. What a method changes, it changes in one transaction.
 */
export class VaultStore {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #collections = new Map<string, StoredCollection | undefined>();

  /**
   * @param path `undefined`: in memory.
   * @throws PeerloomError `ERR_VAULT_FILE`; `ERR_TRANSPORT_UNAVAILABLE` outside Node.js.
   */
  constructor(path: string | undefined, ownId: string) {
    const { DatabaseSync: Database } = requiredBuiltin('node:sqlite', 'The vault');
    let database: DatabaseSync | undefined;
    try {
      if (path !== undefined) createPrivate(path);
      database = new Database(path ?? ':memory:', { timeout: 0 });
      this.#database = database;
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      this.transaction(() => this.#prepare(ownId));
    } catch (cause) {
      database?.close();
      throw fileError(path ?? ':memory:', cause);
    }
  }

  close(): void {
    this.#database.close();
  }

  /** Runs a change as a whole or not at all; what it does in memory as well must come after. */
  transaction<Result>(change: () => Result): Result {
    if (this.#database.isTransaction) return change();
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = change();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      this.#database.exec('ROLLBACK');
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
    const rows = this.#all('SELECT collection FROM collections WHERE owner = ? ORDER BY collection', owner);
    return rows.map((row) => row.collection as string);
  }

  /** Whose collections there are. */
  owners(): string[] {
    return this.#all('SELECT DISTINCT owner FROM collections').map((row) => row.owner as string);
  }

  /** Puts new entries to the log, and the state that the last one proves. */
  saveManifest(log: readonly LogEntry[], state: CollectionState): void {
    const { owner, collection } = log.at(-1)!;
    this.transaction(() => {
      for (const entry of log) {
        const text = JSON.stringify(entry);
        this.#run('INSERT INTO log VALUES (?, ?, ?, ?)', owner, collection, entry.sequence, text);
      }
      this.#run(
        `INSERT INTO collections VALUES (?, ?, ?, 0)
         ON CONFLICT (owner, collection) DO UPDATE SET state = excluded.state`,
        owner,
        collection,
        JSON.stringify(state),
      );
    });
    this.#collections.delete(`${owner} ${collection}`);
  }

  setVersion(owner: string, collection: string, version: number): void {
    this.#run(
      'UPDATE collections SET version = ? WHERE owner = ? AND collection = ?',
      version,
      owner,
      collection,
    );
    this.#collections.delete(`${owner} ${collection}`);
  }

  log(owner: string, collection: string, after: number): LogEntry[] {
    const rows = this.#all(
      'SELECT entry FROM log WHERE owner = ? AND collection = ? AND sequence > ? ORDER BY sequence',
      owner,
      collection,
      after,
    );
    return rows.map((row) => JSON.parse(row.entry as string));
  }

  item(owner: string, collection: string, item: string): SealedItem | undefined {
    const sql = 'SELECT * FROM items WHERE owner = ? AND collection = ? AND item = ?';
    const row = this.#statement(sql).get(owner, collection, item);
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
    for (const row of this.#statement(sql).iterate(owner, collection, after)) {
      const item = itemOf(row);
      bytes += item.body.length;
      if (bytes > maxBytes && items.length > 0) return { items, more: true };
      items.push(item);
    }
    return { items, more: false };
  }

  itemNames(owner: string, collection: string): string[] {
    const sql = 'SELECT item FROM items WHERE owner = ? AND collection = ? AND NOT deleted ORDER BY item';
    return this.#all(sql, owner, collection).map((row) => row.item as string);
  }

  countItems(owner: string, collection: string): number {
    const sql = 'SELECT COUNT(*) AS count FROM items WHERE owner = ? AND collection = ? AND NOT deleted';
    return this.#statement(sql).get(owner, collection)!.count as number;
  }

  /** Some of the items of epochs in a range. */
  itemsOfEpochs(name: CollectionName, { first, last, limit }: EpochRange): SealedItem[] {
    const sql = 'SELECT * FROM items WHERE owner = ? AND collection = ? AND epoch BETWEEN ? AND ? LIMIT ?';
    return this.#all(sql, name.owner, name.collection, first, last, limit).map(itemOf);
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
    this.#run(
      `INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner, collection, item) DO UPDATE SET
       version = excluded.version, epoch = excluded.epoch, time = excluded.time, deleted = excluded.deleted,
       blob = excluded.blob, body = excluded.body, signature = excluded.signature`,
      ...[owner, collection, item, ...values],
    );
  }

  saveChunk(owner: string, blob: string, number: number, body: Uint8Array): void {
    this.#run('INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?)', owner, blob, number, body);
  }

  chunk(owner: string, blob: string, number: number): Uint8Array | undefined {
    const sql = 'SELECT body FROM chunks WHERE owner = ? AND blob = ? AND number = ?';
    return this.#statement(sql).get(owner, blob, number)?.body as Uint8Array | undefined;
  }

  countChunks(owner: string, blob: string): number {
    const sql = 'SELECT COUNT(*) AS count FROM chunks WHERE owner = ? AND blob = ?';
    return this.#statement(sql).get(owner, blob)!.count as number;
  }

  /** Forgets what no item names. */
  removeChunks(owner: string, blob: string): void {
    this.#run('DELETE FROM chunks WHERE owner = ? AND blob = ?', owner, blob);
  }

  /** Forgets a collection of another node. */
  removeCollection(owner: string, collection: string): void {
    this.transaction(() => {
      for (const table of ['items', 'log', 'collections']) {
        this.#run(`DELETE FROM ${table} WHERE owner = ? AND collection = ?`, owner, collection);
      }
    });
    this.#collections.delete(`${owner} ${collection}`);
  }

  /** Bytes of what belongs to others. */
  foreignBytes(ownId: string): number {
    const sql = `SELECT (SELECT TOTAL(LENGTH(body)) FROM items WHERE owner <> :own)
      + (SELECT TOTAL(LENGTH(body)) FROM chunks WHERE owner <> :own)
      + (SELECT TOTAL(LENGTH(entry)) FROM log WHERE owner <> :own)
      + (SELECT TOTAL(LENGTH(state)) FROM collections WHERE owner <> :own) AS bytes`;
    return this.#statement(sql).get({ own: ownId })!.bytes as number;
  }

  #readCollection(owner: string, collection: string): StoredCollection | undefined {
    const sql = `SELECT state, version, entry FROM collections JOIN log USING (owner, collection)
      WHERE owner = ? AND collection = ? ORDER BY sequence DESC LIMIT 1`;
    const row = this.#statement(sql).get(owner, collection);
    if (row === undefined) return undefined;
    const [head, state] = [JSON.parse(row.entry as string), JSON.parse(row.state as string)];
    return { head, state, version: row.version as number };
  }

  #prepare(ownId: string): void {
    this.#database.exec(vaultSchema);
    this.#run('INSERT OR IGNORE INTO meta VALUES (?, ?), (?, ?)', 'format', formatVersion, 'owner', ownId);
    const rows = this.#all('SELECT name, value FROM meta');
    const { format, owner } = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
    if (format !== formatVersion) throw new Error('it was written by another version of peerloom');
    if (owner !== ownId) throw new Error('it belongs to another identity');
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Record<string, unknown>[] {
    return this.#statement(sql).all(...values);
  }

  #statement(sql: string): StatementSync {
    if (!this.#database.isOpen)
      throw new PeerloomError('ERR_NOT_STARTED', 'the vault is closed: its node stopped');
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function itemOf(row: Record<string, unknown>): SealedItem {
  return { ...(row as unknown as SealedItem), deleted: row.deleted === 1 };
}

/** For this user's eyes alone: what the file says openly is who may read what. */
function createPrivate(path: string): void {
  const { closeSync, mkdirSync, openSync } = requiredBuiltin('node:fs', 'The vault');
  mkdirSync(requiredBuiltin('node:path', 'The vault').dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
}

function fileError(path: string, cause: unknown): PeerloomError {
  const isBusy = (cause as { errcode?: number }).errcode === 5;
  const reason = isBusy ? 'another process has it open' : (cause as Error).message;
  return new PeerloomError('ERR_VAULT_FILE', `the vault ${path} cannot be used: ${reason}`, { cause });
}
