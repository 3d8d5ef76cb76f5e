import type { DatabaseSync } from 'node:sqlite';
import { requiredBuiltin } from '../../base/builtin.ts';
import { PeerloomError } from '../../base/errors.ts';
import { createPrivateFile, isRegularFile } from '../../identity/private-file.ts';

/** Says in the header of an SQLite file that it is a vault: 'plvt' in ASCII. */
export const applicationId = 0x70_6c_76_74;

/**
 * The file of a vault, which is created, empty, when it is missing. A file of anything else is refused before a byte of
 * it changes.
 *
 * A process loses its locks on a file, those of SQLite too, when it closes any descriptor of that file. So only SQLite
 * opens the file, which knows of the locks.
 *
 * @returns the absolute path: for SQLite, some relative ones mean no file.
 * @throws Error that says why the file cannot be a vault.
 */
export function vaultFileAt(path: string): string {
  const file = requiredBuiltin('node:path', 'The vault').resolve(path);
  if (!isRegularFile(file)) createPrivateFile(file, '');
  if (!isRegularFile(file)) throw new Error('it is a symbolic link to a file that does not exist');
  const { accessSync, constants, statSync } = requiredBuiltin('node:fs', 'The vault');
  accessSync(file, constants.R_OK | constants.W_OK);
  const isNew = statSync(file).size === 0;
  if (isNew || applicationIdOf(file) === applicationId) return file;
  throw new Error('it is not a vault but another file, which was not changed; use another path');
}

/**
 * From the header alone: an immutable file needs neither locks nor recovery, which would change it. The rest of a vault
 * may still be in its write-ahead log, and the header ahead of the file, when its process ended in the middle of a
 * checkpoint. SQLite calls that damage, except for whoever repairs files, with a schema that is writable.
 */
function applicationIdOf(file: string): number | undefined {
  const { DatabaseSync: Database } = requiredBuiltin('node:sqlite', 'The vault');
  const url = requiredBuiltin('node:url', 'The vault').pathToFileURL(file);
  url.searchParams.set('immutable', '1');
  let database: DatabaseSync | undefined;
  try {
    database = new Database(url, { readOnly: true, defensive: false });
    database.exec('PRAGMA writable_schema = ON');
    return database.prepare('PRAGMA application_id').get()!.application_id as number;
  } catch (error) {
    if (primaryCode(error) === notDatabase) return undefined;
    throw error;
  } finally {
    database?.close();
  }
}

const notDatabase = 26;

/** What the file or its disk is to blame for, by SQLite's primary result codes; with words of our own for some. */
const faults: ReadonlyMap<number | undefined, string | undefined> = new Map([
  [5, 'it is already open, in another process or in this one'],
  [8, undefined],
  [10, undefined],
  [11, 'it is damaged; restore a copy of it, or import an export into a new vault'],
  [13, 'the disk is full; free some space and try again'],
  [14, undefined],
  [notDatabase, 'it is damaged; restore a copy of it, or import an export into a new vault'],
]);

/** An error of SQLite in the words of a vault when its file or disk is to blame; any other error as it is. */
export function explained(error: unknown, path: string | undefined): unknown {
  return faults.has(primaryCode(error)) ? vaultFileError(error, path) : error;
}

export function vaultFileError(cause: unknown, path: string | undefined): PeerloomError {
  const reason = faults.get(primaryCode(cause)) ?? (cause as Error).message;
  const message = `the vault ${path ?? 'in memory'} cannot be used: ${reason}`;
  return new PeerloomError('ERR_VAULT_FILE', message, { cause });
}

function primaryCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}
