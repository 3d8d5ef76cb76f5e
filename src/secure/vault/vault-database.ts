import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { requiredBuiltin } from '../../base/builtin.ts';
import { PeerloomError } from '../../base/errors.ts';
import { openDatabase } from '../../base/open-database.ts';
import type { Runtime } from '../../base/runtime.ts';
import { applicationId, explained, vaultFileAt, vaultFileError } from './vault-file.ts';
import { abandonedChunks, vaultSchema } from './vault-schema.ts';

/**
 * The value of a column. The type of node:sqlite is not used, because peerloom's declarations must compile without
 * those of Node.js.
 */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** A row of a table. */
export type Row = Record<string, SqlValue>;

const formatVersion = '2';

const purpose = 'The vault';

/**
 * The SQLite database of a vault, in memory or in a file. The file belongs to one identity, and only one process may
 * use it at a time.
 */
export class VaultDatabase {
  readonly #path: string | undefined;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /**
   * @param path the path of the file. `undefined` for a vault in memory.
   * @param runtime opens the files of simulated disks.
   * @throws PeerloomError `ERR_VAULT_FILE`; `ERR_TRANSPORT_UNAVAILABLE` outside Node.js.
   */
  constructor(path: string | undefined, ownId: string, runtime?: Pick<Runtime, 'openDatabase'>) {
    const { DatabaseSync: Database } = requiredBuiltin('node:sqlite', purpose);
    this.#path = path;
    let database: DatabaseSync | undefined;
    try {
      database =
        path === undefined
          ? new Database(':memory:')
          : openDatabase(path, { purpose, runtime, prepare: vaultFileAt });
      this.#database = database;
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL');
      this.transaction(() => this.#prepare(ownId));
      // Only now, because the mark of a vault must be in the file itself, not in its write-ahead log.
      database.exec('PRAGMA journal_mode = WAL');
    } catch (cause) {
      database?.close();
      throw cause instanceof PeerloomError ? cause : vaultFileError(cause, path);
    }
  }

  get isOpen(): boolean {
    return this.#database.isOpen;
  }

  close(): void {
    this.#database.close();
  }

  /** Runs a change in a transaction, all of it or nothing. A transaction within another is part of that one. */
  transaction<Result>(change: () => Result): Result {
    const database = this.#database;
    if (database.isTransaction) return change();
    this.#guard(() => database.exec('BEGIN IMMEDIATE'));
    try {
      const result = change();
      this.#guard(() => database.exec('COMMIT'));
      return result;
    } catch (error) {
      // SQLite may have rolled back automatically, for example because the disk is full.
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }

  /** @returns the number of rows that it changed. */
  run(sql: string, ...values: SqlValue[]): number {
    return this.#guard(() => Number(this.#statement(sql).run(...values).changes));
  }

  /** Returns the first row. */
  get(sql: string, ...values: SqlValue[]): Row | undefined {
    return this.#guard(() => this.#statement(sql).get(...values));
  }

  all(sql: string, ...values: SqlValue[]): Row[] {
    return this.#guard(() => this.#statement(sql).all(...values));
  }

  *iterate(sql: string, ...values: SqlValue[]): Generator<Row, void> {
    const rows = this.#guard(() => this.#statement(sql).iterate(...values));
    try {
      for (;;) {
        const next = this.#guard(() => rows.next());
        if (next.done) return;
        yield next.value;
      }
    } finally {
      rows.return?.();
    }
  }

  #prepare(ownId: string): void {
    if (this.get('SELECT 1 FROM sqlite_schema') === undefined) {
      this.#database.exec(`PRAGMA application_id = ${applicationId}; ${vaultSchema}`);
      this.run('INSERT INTO meta VALUES (?, ?), (?, ?)', 'format', formatVersion, 'owner', ownId);
    }
    const rows = this.all('SELECT name, value FROM meta');
    const { format, owner } = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
    if (format !== formatVersion) throw new Error('it was written by another version of peerloom');
    if (owner !== ownId) throw new Error('it belongs to another identity');
    this.run(abandonedChunks);
  }

  /** Runs work, and rewrites errors of SQLite about the file for people. */
  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw explained(error, this.#path);
    }
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
