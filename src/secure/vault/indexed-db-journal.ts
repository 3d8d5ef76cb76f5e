import { bytesToHex } from '@noble/hashes/utils.js';
import { messageOf } from '../../base/arguments.ts';
import { isPeerloomError, PeerloomError } from '../../base/errors.ts';
import { completed, hasLocks, lockStore, openDatabase, resultOf } from '../../base/page-store.ts';
import type { Runtime } from '../../base/runtime.ts';
import { secretBytes } from '../../base/secret-bytes.ts';
import type { SealedItem } from './item.ts';
import type { Journal } from './page-vault-store.ts';
import type { ChunkRow, RowChange, RowKey, Rows, TableName } from './vault-tables.ts';

/**
 * The object stores of the database: the tables of the vault, the lengths of the chunks, and what the database belongs
 * to.
 */
const tables = ['collections', 'states', 'log', 'items', 'chunks', 'lengths', 'meta'] as const;

const format = 1;

/** Changes that are written together, all or none. */
interface Batch {
  readonly changes: RowChange[];
  /** Functions that undo the changes in memory, in the order in which the changes were made. */
  readonly undo: (() => void)[];
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Keeps a vault in IndexedDB of a browser. While the browser writes, further changes wait, and are written together
 * afterwards. If a write fails, all changes that are not on the disk are undone.
 *
 * Only one page may write. If the browser has Web Locks, other pages cannot open the store. Otherwise the page that
 * opened it last may write: it leaves its mark in the database, and each transaction looks for the mark first.
 */
export class IndexedDbJournal implements Journal {
  readonly #name: string;
  readonly #database: IDBDatabase;
  readonly #unlock: () => void;
  readonly #mark: string;
  #writing: Batch | undefined;
  #waiting: Batch | undefined;
  #ended: PeerloomError | undefined;

  private constructor(name: string, opened: { database: IDBDatabase; unlock: () => void; mark: string }) {
    this.#name = name;
    this.#database = opened.database;
    this.#unlock = opened.unlock;
    this.#mark = opened.mark;
    this.#database.onclose = () => this.#end('the browser has deleted it');
  }

  /**
   * Opens the store of a node's vault, or creates a new one.
   *
   * @returns the journal and the rows that it has stored, without the bodies of chunks.
   * @throws PeerloomError `ERR_VAULT_FILE`.
   */
  static async open(
    name: string,
    ownId: string,
    runtime: Runtime,
  ): Promise<{ journal: IndexedDbJournal; rows: RowChange[] }> {
    const databaseName = `peerloom vault ${name}`;
    const unlock = await lockStore(databaseName, runtime).catch((cause) => {
      throw unusable(name, 'another page of this browser, or another node of this page, uses it', cause);
    });
    let database: IDBDatabase | undefined;
    try {
      database = await openDatabase(databaseName, tables);
      const mark = await claim(database, ownId, runtime);
      const rows = await contentOf(database);
      return { journal: new IndexedDbJournal(name, { database, unlock, mark }), rows };
    } catch (cause) {
      database?.close();
      unlock();
      throw unusable(name, messageOf(cause), cause);
    }
  }

  append(changes: readonly RowChange[], undo: () => void): void {
    this.#waiting ??= newBatch();
    this.#waiting.changes.push(...changes);
    this.#waiting.undo.push(undo);
    if (this.#writing === undefined) this.#writeWaiting();
  }

  written(): Promise<void> | undefined {
    return (this.#waiting ?? this.#writing)?.done.promise;
  }

  async chunk(key: RowKey): Promise<Uint8Array | undefined> {
    await this.written()?.catch(() => {}); // the caller that made the change receives the error
    this.check();
    try {
      const request = this.#database.transaction('chunks').objectStore('chunks').get(idbKeyOf(key));
      return (await resultOf(request)) as Uint8Array | undefined;
    } catch (cause) {
      throw unusable(this.#name, messageOf(cause), cause);
    }
  }

  check(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing.done.promise.catch(() => {});
    this.#database.close();
    this.#unlock();
  }

  #writeWaiting(): void {
    const batch = this.#waiting;
    this.#waiting = undefined;
    this.#writing = batch;
    if (batch === undefined) return;
    this.#write(batch).then(
      () => {
        batch.done.resolve();
        this.#writeWaiting();
      },
      (cause) => this.#fail(cause),
    );
  }

  async #write({ changes }: Batch): Promise<void> {
    this.check();
    const transaction = this.#database.transaction(tables, 'readwrite', { durability: 'strict' });
    const done = completed(transaction);
    const mark = transaction.objectStore('meta').get('mark');
    mark.onsuccess = () => {
      if (mark.result === this.#mark) {
        for (const change of changes) write(transaction, change);
        return;
      }
      this.#end('another page of this browser has opened it since');
      transaction.abort();
    };
    await done;
  }

  /** Undoes all changes that are not written: later changes may depend on the one that failed. */
  #fail(cause: unknown): void {
    const error = this.#ended ?? unusable(this.#name, reasonOf(cause), cause);
    const batches = [this.#writing, this.#waiting].filter((batch) => batch !== undefined);
    this.#writing = this.#waiting = undefined;
    for (const batch of batches.toReversed()) {
      for (const undo of batch.undo.toReversed()) undo();
    }
    for (const batch of batches) batch.done.reject(error);
    if (isFull(cause)) this.#allowWrites();
  }

  /**
   * Works around Firefox: after a transaction for which there was no room, it refuses everything but deletions in the
   * next one.
   */
  #allowWrites(): void {
    try {
      this.#database.transaction('meta', 'readwrite').objectStore('meta').delete('nothing');
    } catch {
      // The database is closed, and the next change will fail.
    }
  }

  #end(reason: string): void {
    this.#ended ??= unusable(this.#name, reason, undefined);
  }
}

function newBatch(): Batch {
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => {}); // possibly no caller waits for it
  return { changes: [], undo: [], done };
}

function write(transaction: IDBTransaction, { table, key, row }: RowChange): void {
  const put = (name: (typeof tables)[number], value: unknown): void => {
    const store = transaction.objectStore(name);
    if (value === undefined) store.delete(idbKeyOf(key));
    else store.put(value, idbKeyOf(key));
  };
  if (table !== 'chunks') {
    put(table, row);
    return;
  }
  const chunk = row as ChunkRow | undefined;
  // Copied, because the browser would otherwise keep the whole buffer that the bytes are part of.
  put('chunks', chunk?.body?.slice());
  put('lengths', chunk?.length);
}

/**
 * Makes the database the vault of this node, or checks that it is. It leaves this page's mark if pages cannot lock the
 * database. It writes nothing into a vault that is locked, so that the vault opens even if the browser stores nothing
 * more.
 *
 * @returns the mark.
 * @throws Error if the database is not the vault of this node.
 */
async function claim(database: IDBDatabase, ownId: string, runtime: Runtime): Promise<string> {
  const find = async (mode: IDBTransactionMode) => {
    const transaction = database.transaction('meta', mode, { durability: 'strict' });
    const done = completed(transaction);
    done.catch(() => {}); // callers that wait for it receive the error
    const meta = transaction.objectStore('meta');
    const found = [resultOf(meta.get('vault')), resultOf(meta.get('mark'))] as const;
    const [vault, mark] = (await Promise.all(found)) as [typeof own | undefined, string];
    if (vault !== undefined && vault.format !== format)
      throw new Error('another version of peerloom wrote it');
    if (vault !== undefined && vault.owner !== ownId) throw new Error('it belongs to another identity');
    return { meta, done, vault, mark };
  };
  const own = { format, owner: ownId };
  const found = await find('readonly');
  if (found.vault !== undefined && hasLocks()) return found.mark;
  const mark = bytesToHex(secretBytes(runtime, 16, 'marks of vaults'));
  const { meta, done, vault } = await find('readwrite');
  if (vault === undefined) meta.put(own, 'vault');
  meta.put(mark, 'mark');
  await done;
  return mark;
}

/** Reads all rows except the bodies of chunks, and deletes the chunks whose item was never finished. */
async function contentOf(database: IDBDatabase): Promise<RowChange[]> {
  const transaction = database.transaction(tables);
  const read = async <Name extends TableName>(table: Name, from: (typeof tables)[number] = table) => {
    const store = transaction.objectStore(from);
    const [keys, rows] = await Promise.all([resultOf(store.getAllKeys()), resultOf(store.getAll())]);
    return rows.map((row, at) => ({ table, key: keys[at] as unknown as RowKey, row: row as Rows[Name] }));
  };
  const [collections, states, log, items, lengths] = await Promise.all([
    read('collections'),
    read('states'),
    read('log'),
    read('items'),
    read('chunks', 'lengths'),
  ]);
  const finished = new Set(items.map(({ row }) => blobKeyOf(row.owner, (row as SealedItem).blob)));
  const chunks = lengths.map(({ table, key, row }): RowChange => {
    return { table, key, row: { length: row as unknown as number, body: undefined } };
  });
  const isFinished = ({ key: [owner, blob] }: RowChange): boolean => finished.has(blobKeyOf(owner, blob));
  await deleteRows(
    database,
    chunks.filter((chunk) => !isFinished(chunk)),
  ).catch(() => {}); // the next start tries again
  return [...collections, ...states, ...log, ...items, ...chunks.filter(isFinished)];
}

async function deleteRows(database: IDBDatabase, rows: readonly RowChange[]): Promise<void> {
  if (rows.length === 0) return;
  const transaction = database.transaction(tables, 'readwrite');
  const done = completed(transaction);
  for (const row of rows) write(transaction, { ...row, row: undefined });
  await done;
}

function idbKeyOf(key: RowKey): IDBValidKey {
  return [...key] as (string | number)[];
}

function blobKeyOf(owner: string, blob: string): string {
  return `${owner} ${blob}`;
}

function reasonOf(cause: unknown): string {
  if (!isFull(cause)) return messageOf(cause);
  return 'the browser gives this page no more room, and nothing of the change was kept; delete something, or free some space on the disk';
}

function isFull(cause: unknown): boolean {
  return (cause as DOMException | null)?.name === 'QuotaExceededError';
}

function unusable(name: string, reason: string, cause: unknown): PeerloomError {
  if (isPeerloomError(cause)) return cause;
  return new PeerloomError('ERR_VAULT_FILE', `the vault in the store '${name}' cannot be used: ${reason}`, {
    cause,
  });
}
