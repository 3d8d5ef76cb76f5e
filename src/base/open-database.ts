import type { DatabaseSync } from 'node:sqlite';
import { requiredBuiltin } from './builtin.ts';
import type { Runtime } from './runtime.ts';

/** How {@link openDatabase} opens a file. */
export interface OpenDatabaseOptions {
  /** Names the user of the file in errors, such as 'The vault'. */
  readonly purpose: string;
  /** Opens files of simulated disks. */
  readonly runtime: Pick<Runtime, 'openDatabase'> | undefined;
  /** Creates the file if it is missing. @returns its path for SQLite. */
  readonly prepare: (path: string) => string;
}

/**
 * Opens an SQLite file, or creates it.
 *
 * @throws what `prepare` and SQLite throw; PeerloomError `ERR_TRANSPORT_UNAVAILABLE` outside Node.js.
 */
export function openDatabase(path: string, { purpose, runtime, prepare }: OpenDatabaseOptions): DatabaseSync {
  if (runtime?.openDatabase !== undefined) return runtime.openDatabase(path) as DatabaseSync;
  const { DatabaseSync: Database } = requiredBuiltin('node:sqlite', purpose);
  return new Database(prepare(path), { timeout: 0 });
}
