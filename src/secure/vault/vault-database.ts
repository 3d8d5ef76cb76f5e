import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { requiredBuiltin } from '../../builtin.ts';
import { PeerloomError } from '../../errors.ts';
import { vaultSchema } from './vault-schema.ts';

/** A row of a table. */
export type Row = Record<string, SQLOutputValue>;

const formatVersion = '1';

/** The SQLite of a vault: in memory, or a file of one identity that one process at a time may use. */
export class VaultDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

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

  /** Runs a change as a whole or not at all. One within another is part of it. */
  transaction<Result>(change: () => Result): Result {
    if (this.#database.isTransaction) return change();
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = change();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values);
  }

  /** The first row. */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
  }

  iterate(sql: string, ...values: SQLInputValue[]): Iterable<Row> {
    return this.#statement(sql).iterate(...values);
  }

  #prepare(ownId: string): void {
    this.#database.exec(vaultSchema);
    this.run('INSERT OR IGNORE INTO meta VALUES (?, ?), (?, ?)', 'format', formatVersion, 'owner', ownId);
    const rows = this.all('SELECT name, value FROM meta');
    const { format, owner } = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
    if (format !== formatVersion) throw new Error('it was written by another version of peerloom');
    if (owner !== ownId) throw new Error('it belongs to another identity');
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
