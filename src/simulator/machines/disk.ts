import type { DatabaseSync, StatementResultingChanges, StatementSync } from 'node:sqlite';
import { requiredBuiltin } from '../../base/builtin.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { RuntimeTimer } from '../../base/runtime.ts';
import type { VirtualRuntime } from '../virtual-runtime.ts';

/**
 * How long Linux waits before it writes unflushed data to the disk, in milliseconds: its default for
 * vm.dirty_expire_centisecs.
 */
const writeBackMs = 30_000;

/** SQLite's result codes. */
const busy = 5;
const full = 13;

/** The value of `PRAGMA synchronous` with which SQLite flushes each commit. */
const flushesCommits = 2;

/** An SQLite file, and its open database if a node uses it. */
interface DiskFile {
  /** The content of the whole file that survives a power failure. */
  flushed: Uint8Array | undefined;
  database: DatabaseSync | undefined;
  /** SQLite's `total_changes()` at the last flush. */
  changes: unknown;
  writeBack: RuntimeTimer | undefined;
}

/** The disk of a simulated machine. It holds the SQLite files of vaults and histories, which outlive the nodes. */
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
   * @returns a `DatabaseSync`. The type is `unknown` because the declarations must compile without those of Node.js.
   * @throws Error as SQLite does; PeerloomError `ERR_TRANSPORT_UNAVAILABLE` if this runtime has no simulated disks.
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

  /** The node has crashed. If the machine has lost power too, unflushed data is lost. */
  onCrash(isPowered: boolean): void {
    for (const file of this.#files.values()) {
      if (file.database === undefined) continue;
      if (file.database.isTransaction) file.database.exec('ROLLBACK');
      if (isPowered || flushesEachCommit(file.database)) flush(file);
      release(file);
    }
  }

  /** Makes writes fail while the disk is full, and flushes the file when its database is closed. */
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

/** Called when the node no longer uses the file. */
function release(file: DiskFile): void {
  file.writeBack?.cancel();
  file.database = file.writeBack = undefined;
  file.changes = undefined;
}

/** Runs a statement on a full disk. It fails only if it changes rows. */
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
