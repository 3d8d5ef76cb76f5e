import { messageOf } from '../../base/arguments.ts';
import { isPeerloomError, PeerloomError } from '../../base/errors.ts';
import { completed, lockStore, openDatabase, resultOf } from '../../base/page-store.ts';
import type { Runtime } from '../../base/runtime.ts';
import { idOf, signedBytes } from '../broadcast.ts';
import type { HistoryOwner, HistoryStore, StoredBroadcast, StoredHistory } from './history-store.ts';

const tables = ['broadcasts', 'meta'] as const;

/** A row of the table `broadcasts`, whose key is the id. */
interface Row {
  readonly timeUs: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

type Write = (transaction: IDBTransaction) => void;

/**
 * Keeps the broadcasts of a topic in the browser's IndexedDB, and also in memory, because IndexedDB is asynchronous.
 * Writes happen in the order of the calls. If a write fails, the next call throws. If a page ends without closing the
 * store, it loses at most the latest broadcasts.
 */
export class IndexedDbStore implements HistoryStore {
  readonly #name: string;
  readonly #database: IDBDatabase;
  readonly #network: string;
  readonly #unlock: () => void;
  readonly #bytesById = new Map<string, Uint8Array<ArrayBuffer>>();
  #stored: StoredHistory;
  #waiting: Write[] = [];
  readonly #writing = new Set<Promise<void>>();
  #failure: PeerloomError | undefined;

  private constructor(
    name: string,
    owner: HistoryOwner,
    opened: { readonly database: IDBDatabase; readonly unlock: () => void; readonly content: Content },
  ) {
    const { rows, ids, floorUs } = opened.content;
    this.#name = name;
    this.#database = opened.database;
    this.#database.onclose = () => this.#fail(new Error('the browser has deleted it'));
    this.#network = owner.network;
    this.#unlock = opened.unlock;
    const broadcasts = rows.map(({ timeUs, bytes }, index) => {
      const id = ids[index]!;
      this.#bytesById.set(id, bytes);
      return { id, timeUs, length: bytes.length };
    });
    broadcasts.sort((one, other) => one.timeUs - other.timeUs);
    this.#stored = { broadcasts, floorUs };
  }

  /**
   * Reads the stored broadcasts, and prevents other pages from using the store until {@link close}.
   *
   * @throws PeerloomError `ERR_HISTORY_FILE`.
   */
  static async open(name: string, owner: HistoryOwner, runtime: Runtime): Promise<IndexedDbStore> {
    const databaseName = `peerloom history ${name}`;
    const unlock = await lockStore(databaseName, runtime).catch(() => {
      throw unusable(name, new Error('another page of this browser, or another topic, uses it'));
    });
    let database: IDBDatabase | undefined;
    try {
      database = await openDatabase(databaseName, tables);
      return new IndexedDbStore(name, owner, { database, unlock, content: await contentOf(database, owner) });
    } catch (cause) {
      database?.close();
      unlock();
      throw unusable(name, cause);
    }
  }

  load(): StoredHistory {
    const stored = this.#stored;
    this.#stored = { broadcasts: [], floorUs: 0 };
    return stored;
  }

  read(id: string): Uint8Array<ArrayBuffer> | undefined {
    const bytes = this.#bytesById.get(id);
    // Any script of the web origin can change the data, and nodes disconnect from a node that sends unsigned
    // broadcasts.
    return bytes !== undefined && idOf(signedBytes(bytes, this.#network)) === id ? bytes : undefined;
  }

  add({ id, timeUs }: Omit<StoredBroadcast, 'length'>, bytes: Uint8Array<ArrayBuffer>): void {
    this.#throwFailure();
    this.#bytesById.set(id, bytes);
    // Without the copy, the browser would keep the whole buffer that the bytes are part of.
    const row: Row = { timeUs, bytes: bytes.slice() };
    this.#write((transaction) => transaction.objectStore('broadcasts').put(row, id));
  }

  remove(ids: readonly string[], floorUs: number): void {
    this.#throwFailure();
    for (const id of ids) this.#bytesById.delete(id);
    this.#write((transaction) => {
      for (const id of ids) transaction.objectStore('broadcasts').delete(id);
      raiseFloor(transaction.objectStore('meta'), floorUs);
    });
  }

  /** Resolves when everything is written and others may use the store. */
  async close(): Promise<void> {
    this.#writeWaiting();
    while (this.#writing.size > 0) await Promise.all(this.#writing);
    this.#database.close();
    this.#unlock();
    this.#bytesById.clear();
  }

  /** Writes, or queues the write while the browser writes. Queued writes are then made together. */
  #write(write: Write): void {
    this.#waiting.push(write);
    if (this.#writing.size === 0) this.#writeWaiting();
  }

  #writeWaiting(): void {
    if (this.#waiting.length === 0 || this.#failure !== undefined) return;
    const writes = this.#waiting;
    this.#waiting = [];
    let done: Promise<void>;
    try {
      const transaction = this.#database.transaction(tables, 'readwrite', { durability: 'relaxed' });
      done = completed(transaction);
      for (const write of writes) write(transaction);
    } catch (cause) {
      this.#fail(cause);
      return;
    }
    const written = done
      .catch((cause: unknown) => this.#fail(cause))
      .then(() => {
        this.#writing.delete(written);
        this.#writeWaiting();
      });
    this.#writing.add(written);
  }

  #fail(cause: unknown): void {
    this.#failure ??= unusable(this.#name, cause);
    this.#waiting = [];
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

interface Content {
  readonly ids: readonly string[];
  readonly rows: readonly Row[];
  readonly floorUs: number;
}

/** Reads the database. A new one becomes the owner's. @throws Error if the database belongs to another topic. */
async function contentOf(database: IDBDatabase, { network, topic }: HistoryOwner): Promise<Content> {
  const transaction = database.transaction(tables, 'readwrite');
  const done = completed(transaction);
  const [broadcasts, meta] = tables.map((table) => transaction.objectStore(table)) as [
    IDBObjectStore,
    IDBObjectStore,
  ];
  const owner = meta.get('owner');
  owner.onsuccess = () => {
    if (owner.result === undefined) meta.put({ format: 2, network, topic }, 'owner');
  };
  const requests = [broadcasts.getAllKeys(), broadcasts.getAll(), meta.get('floor')] as const;
  const [ids, rows, floorUs] = await Promise.all([
    resultOf(requests[0]),
    resultOf(requests[1]),
    resultOf(requests[2]),
    done,
  ]);
  const { format = 2, ...of } = {
    network,
    topic,
    ...(owner.result as Partial<HistoryOwner> & { format?: number }),
  };
  if (format !== 2) throw new Error('another version of peerloom wrote it');
  if (of.network !== network || of.topic !== topic) {
    throw new Error('it belongs to another topic or network: each topic needs a store of its own');
  }
  return { ids: ids as string[], rows: rows as Row[], floorUs: (floorUs as number | undefined) ?? 0 };
}

/**
 * Raises the stored floor. It never lowers it, because pages that cannot lock the store may each have given up
 * something.
 */
function raiseFloor(meta: IDBObjectStore, floorUs: number): void {
  const earlier = meta.get('floor');
  earlier.onsuccess = () => {
    meta.put(Math.max(floorUs, (earlier.result as number | undefined) ?? 0), 'floor');
  };
}

function unusable(name: string, cause: unknown): PeerloomError {
  if (isPeerloomError(cause)) return cause;
  const message = `the history in the store '${name}' cannot be used: ${messageOf(cause)}`;
  return new PeerloomError('ERR_HISTORY_FILE', message, { cause });
}
