import type { DatabaseSync, StatementResultingChanges, StatementSync } from 'node:sqlite';
import { requiredBuiltin } from '../../base/builtin.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { RuntimeTimer } from '../../base/runtime.ts';
import type { VirtualRuntime } from '../virtual-runtime.ts';

/**
 * So long after it was written, Linux writes to the disk what no program has flushed (vm.dirty_expire_centisecs), in
 * milliseconds.
 */
const writeBackMs = 30_000;

/** SQLite's result codes. */
const busy = 5;
const full = 13;

/** Of `PRAGMA synchronous`: each commit is flushed. */
const flushesCommits = 2;

/** An SQLite file, and the database that a node has open. */
interface DiskFile {
  /** What is there when the machine gets its power back: the whole file. */
  flushed: Uint8Array | undefined;
  database: DatabaseSync | undefined;
  /** Changed rows up to the last flush. */
  changes: unknown;
  writeBack: RuntimeTimer | undefined;
}

/** The disk of a simulated machine: the SQLite files of vaults and histories, which outlive its nodes. */
export class Disk {
  /** Whether every write fails. */
  isFull = false;
  readonly #runtime: VirtualRuntime;
  readonly #files = new Map<string, DiskFile>();

  constructor(runtime: VirtualRuntime) {
    this.#runtime = runtime;
  }

  /**
   * Opens a file, or creates it.
   *
   * @returns a `DatabaseSync`: the declarations must compile without those of Node.js.
   * @throws Error as SQLite does; PeerloomError `ERR_TRANSPORT_UNAVAILABLE` where there are no simulated disks.
   */
  open(path: string): unknown {
    const { DatabaseSync: Database } = requiredBuiltin('node:sqlite', 'A file of a simulated disk');
    if (!('serialize' in Database.prototype)) {
      throw new PeerloomError(
        'ERR_TRANSPORT_UNAVAILABLE',
        'a vault or a history with a path needs Node.js 24 in a simulation: leave the path out to keep it in memory',
      );
    }
    let file = this.#files.get(path);
    if (file?.database !== undefined) throw sqliteError(busy, 'database is locked');
    if (file === undefined) {
      if (this.isFull) throw fullError();
      file = { flushed: undefined, database: undefined, changes: 0, writeBack: undefined };
      this.#files.set(path, file);
    }
    const database = new Database(':memory:');
    if (file.flushed !== undefined) database.deserialize(file.flushed);
    file.database = database;
    this.#guard(file, database);
    this.#expectWriteBack(file);
    return database;
  }

  /** The node has crashed. Without power, what was not flushed is lost. */
  onCrash(isPowered: boolean): void {
    for (const file of this.#files.values()) {
      if (file.database === undefined) continue;
      if (file.database.isTransaction) file.database.exec('ROLLBACK');
      if (isPowered || flushesEachCommit(file.database)) flush(file);
      release(file);
    }
  }

  /** Makes writes fail while the disk is full, and keeps the file when it is closed. */
  #guard(file: DiskFile, database: DatabaseSync): void {
    const { prepare, close } = database;
    database.prepare = (sql): StatementSync => {
      const statement = prepare.call(database, sql);
      const run = statement.run.bind(statement);
      const runUnlessFull = (...values: Parameters<StatementSync['run']>) =>
        this.isFull ? runOnFullDisk(database, () => run(...values)) : run(...values);
      statement.run = runUnlessFull as StatementSync['run'];
      return statement;
    };
    database.close = () => {
      if (file.database === database) {
        flush(file);
        release(file);
      }
      close.call(database);
    };
  }

  #expectWriteBack(file: DiskFile): void {
    file.writeBack = this.#runtime.setTimeout(
      () => {
        if (!flushesEachCommit(file.database!)) flush(file);
        this.#expectWriteBack(file);
      },
      writeBackMs,
      'watching',
    );
  }
}

function flush(file: DiskFile): void {
  const database = file.database!;
  const { changes } = database.prepare('SELECT total_changes() AS changes').get()!;
  if (file.flushed !== undefined && changes === file.changes) return;
  file.flushed = database.serialize();
  file.changes = changes;
}

/** The node does not use the file any more. */
function release(file: DiskFile): void {
  file.writeBack?.cancel();
  file.database = file.writeBack = undefined;
  file.changes = undefined;
}

/** What changes nothing writes nothing. */
function runOnFullDisk(database: DatabaseSync, run: () => StatementResultingChanges) {
  database.exec('SAVEPOINT full_disk');
  try {
    const result = run();
    if (Number(result.changes) === 0) return result;
    database.exec('ROLLBACK TO full_disk');
  } finally {
    database.exec('RELEASE full_disk');
  }
  throw fullError();
}

function flushesEachCommit(database: DatabaseSync): boolean {
  return database.prepare('PRAGMA synchronous').get()!.synchronous === flushesCommits;
}

function fullError(): Error {
  return sqliteError(full, 'database or disk is full');
}

function sqliteError(errcode: number, message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode });
}
