import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { messageOf } from '../../base/arguments.ts';
import { requiredBuiltin } from '../../base/builtin.ts';
import { PeerloomError } from '../../base/errors.ts';
import { openDatabase } from '../../base/open-database.ts';
import type { Runtime } from '../../base/runtime.ts';
import { createPrivateFile, isRegularFile } from '../../identity/private-file.ts';
import { idOf, signedBytes } from '../broadcast.ts';
import type { HistoryOwner, HistoryStore, StoredBroadcast, StoredHistory } from './history-store.ts';

/** The application id in the header of an SQLite file, which marks it as a history: 'plhi' in ASCII. */
const applicationId = 0x70_6c_68_69;

const purpose = 'A history with a path';

/** SQLite's primary result code for a file that is in use. */
const busy = 5;

const schema = `
  PRAGMA application_id = ${applicationId};
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE broadcasts (id BLOB PRIMARY KEY, time_us INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
`;

/**
 * Keeps the broadcasts of a topic in an SQLite file. Only one process at a time may use it. If the machine loses power,
 * the file loses at most the latest broadcasts.
 */
export class SqliteStore implements HistoryStore {
  readonly #path: string;
  readonly #network: string;
  readonly #database: DatabaseSync;
  readonly #add: StatementSync;
  readonly #read: StatementSync;
  readonly #remove: StatementSync;
  readonly #setFloor: StatementSync;

  /**
   * Opens the file, or creates it so that only its user can read it.
   *
   * @param runtime used to open the files of simulated disks.
   * @throws PeerloomError `ERR_HISTORY_FILE`; `ERR_TRANSPORT_UNAVAILABLE` outside Node.js.
   */
  constructor(path: string, owner: HistoryOwner, runtime?: Pick<Runtime, 'openDatabase'>) {
    this.#path = path;
    this.#network = owner.network;
    let database: DatabaseSync | undefined;
    try {
      database = openDatabase(path, { purpose, runtime, prepare: historyFileAt });
      this.#database = database;
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE');
      this.#prepare(owner);
      database.exec('COMMIT; PRAGMA journal_mode = WAL');
      this.#add = database.prepare('INSERT OR REPLACE INTO broadcasts VALUES (?, ?, ?)');
      this.#read = database.prepare('SELECT bytes FROM broadcasts WHERE id = ?');
      this.#remove = database.prepare('DELETE FROM broadcasts WHERE id = ?');
      this.#setFloor = database.prepare("INSERT OR REPLACE INTO meta VALUES ('floor', ?)");
    } catch (cause) {
      database?.close();
      throw this.#explained(cause);
    }
  }

  load(): StoredHistory {
    return this.#guard(() => {
      const floor = this.#database.prepare("SELECT value FROM meta WHERE name = 'floor'").get();
      const rows = this.#database
        .prepare('SELECT id, time_us, length(bytes) AS length FROM broadcasts ORDER BY time_us, id')
        .all();
      const broadcasts = rows.map(({ id, time_us: timeUs, length }) => ({
        id: bytesToHex(id as Uint8Array),
        timeUs: timeUs as number,
        length: length as number,
      }));
      return { broadcasts, floorUs: Number(floor?.value ?? 0) };
    });
  }

  read(id: string): Uint8Array<ArrayBuffer> | undefined {
    const row = this.#guard(() => this.#read.get(hexToBytes(id)));
    const bytes = row?.bytes as Uint8Array<ArrayBuffer> | undefined;
    // The file may be damaged, and other nodes disconnect from a node that passes on unsigned broadcasts.
    return bytes !== undefined && idOf(signedBytes(bytes, this.#network)) === id ? bytes : undefined;
  }

  add({ id, timeUs }: Omit<StoredBroadcast, 'length'>, bytes: Uint8Array<ArrayBuffer>): void {
    this.#guard(() => this.#add.run(hexToBytes(id), timeUs, bytes));
  }

  remove(ids: readonly string[], floorUs: number): void {
    this.#guard(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        for (const id of ids) this.#remove.run(hexToBytes(id));
        this.#setFloor.run(String(floorUs));
        this.#database.exec('COMMIT');
      } catch (error) {
        // SQLite has already rolled back after some errors, for example if the disk is full.
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  /** Checks to which topic the file belongs. A new file becomes the owner's. */
  #prepare({ network, topic }: HistoryOwner): void {
    const database = this.#database;
    const { application_id: application } = database.prepare('PRAGMA application_id').get()!;
    if (application !== applicationId) {
      const isNew = database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
      if (!isNew || application !== 0)
        throw new Error('it is not a history but another file, which was not changed');
      database.exec(schema);
      const set = database.prepare('INSERT INTO meta VALUES (?, ?)');
      for (const [name, value] of Object.entries({ format: '2', network, topic })) set.run(name, value);
    }
    const rows = database.prepare('SELECT name, value FROM meta').all();
    const { format, ...of } = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
    if (format !== '2') throw new Error('another version of peerloom wrote it');
    if (of.network !== network || of.topic !== topic) {
      throw new Error('it belongs to another topic or network: each topic needs a file of its own');
    }
  }

  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #explained(cause: unknown): PeerloomError {
    if (cause instanceof PeerloomError) return cause;
    const isBusy = ((cause as { errcode?: number }).errcode ?? 0) % 256 === busy;
    const reason = isBusy ? 'it is open already, in another process or in this one' : messageOf(cause);
    return new PeerloomError('ERR_HISTORY_FILE', `the history ${this.#path} cannot be used: ${reason}`, {
      cause,
    });
  }
}

/** Returns the absolute path, because SQLite does not take every relative path for a file. */
function historyFileAt(path: string): string {
  const file = requiredBuiltin('node:path', purpose).resolve(path);
  if (!isRegularFile(file)) createPrivateFile(file, '');
  return file;
}
