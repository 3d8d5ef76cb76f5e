import type { DatabaseSync } from 'node:sqlite';
import { requiredBuiltin } from '../../base/builtin.ts';
import { PeerloomError } from '../../base/errors.ts';
import { createPrivateFile, isRegularFile } from '../../identity/private-file.ts';

/** The application id in the header of an SQLite file that is a vault: 'plvt' in ASCII. */
export const applicationId = 0x70_6c_76_74;

/**
 * Returns the file of a vault. If it is missing, an empty file is created. Any other file is refused before a byte of
 * it changes.
 *
 * A process loses its locks on a file, including those of SQLite, when it closes any descriptor of that file. So only
 * SQLite opens the file.
 *
 * @returns the absolute path, because SQLite does not take every relative path for a file.
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
 * Reads the application id from the header alone. The file is opened as immutable, because locks and recovery would
 * change it. If the process that wrote the vault ended in the middle of a checkpoint, the rest of the vault may still
 * be in its write-ahead log, and the header may be ahead of the file. SQLite reports that as damage unless the schema
 * is writable, as for programs that repair files.
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

/** The errors that are due to the file or its disk, by SQLite's primary result codes. Some have a text for people. */
const faults: ReadonlyMap<number | undefined, string | undefined> = new Map([
  [5, 'it is already open, in another process or in this one'],
  [8, undefined],
  [10, undefined],
  [11, 'it is damaged; restore a copy of it, or import an export into a new vault'],
  [13, 'the disk is full; free some space and try again'],
  [14, undefined],
  [notDatabase, 'it is damaged; restore a copy of it, or import an export into a new vault'],
]);

/**
 * Returns `ERR_VAULT_FILE` for an error of SQLite that is due to the file or its disk. Returns any other error
 * unchanged.
 */
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
