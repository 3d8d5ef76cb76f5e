import { requiredBuiltin } from '../base/builtin.ts';
import { isTaken, placeNew } from './placed-file.ts';
import { makePrivateFolder, syncFolder } from './synced-folder.ts';

/** The content of a small file. */
export interface FileContent {
  readonly text: string;
  /** Other users of the machine can read or change the file. */
  readonly isOpenToOthers: boolean;
}

/**
 * Reads a regular file. A pipe or a device in its place is refused without waiting for it.
 *
 * @returns `undefined` when there is no such file.
 * @throws Error of the system, or one that says what is there instead, or that the file is too large.
 */
export function readPrivateFile(path: string, maxBytes: number): FileContent | undefined {
  const { closeSync, constants, fstatSync, openSync, readFileSync } = fs();
  // Opening a device can have an effect, so look at it first.
  if (!isRegularFile(path)) return undefined;
  // The file may have been replaced meanwhile, and opening a pipe waits for a writer.
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const status = fstatSync(descriptor);
    checkRegular(status);
    if (status.size > maxBytes)
      throw new Error(`it has ${status.size} bytes, but at most ${maxBytes} are allowed`);
    const isOpenToOthers = process.platform !== 'win32' && (status.mode & 0o077) !== 0;
    return { text: readFileSync(descriptor, 'utf8'), isOpenToOthers };
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Creates a file that only this user can read, and the missing folders on the way to it. The file appears with its
 * whole content, and never replaces another one.
 *
 * @returns false when there is a file, of this process or another one.
 * @throws Error of the system.
 */
export function createPrivateFile(path: string, content: string): boolean {
  return write(path, content, placeNew);
}

/**
 * Replaces a file, or creates it. At each moment either the old content is there or the new one. When the path is a
 * symbolic link, the file that it leads to is replaced: the old content must not stay there.
 *
 * @throws Error of the system, or one that says what is there instead of a regular file.
 */
export function replacePrivateFile(path: string, content: string): void {
  const { realpathSync, renameSync } = fs();
  if (!isRegularFile(path) && isTaken(path))
    throw new Error('it is a symbolic link to a file that does not exist');
  write(isTaken(path) ? realpathSync(path) : path, content, (temporary, target) => {
    renameSync(temporary, target);
    return true;
  });
}

/** Whether there is a regular file at the end of all links. @throws Error when there is anything else. */
export function isRegularFile(path: string): boolean {
  const status = fs().statSync(path, { throwIfNoEntry: false });
  if (status !== undefined) checkRegular(status);
  return status !== undefined;
}

function checkRegular(status: { isFile(): boolean; isDirectory(): boolean }): void {
  if (status.isFile()) return;
  if (status.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' });
  throw new Error('it is a pipe, a socket or a device; use a regular file');
}

/** Writes the content to a temporary file beside the path, which `place` then puts there. */
function write(path: string, content: string, place: (temporary: string, path: string) => boolean): boolean {
  const { dirname, resolve } = requiredBuiltin('node:path', 'A file');
  const { rmSync, writeFileSync } = fs();
  const target = resolve(path);
  const temporary = `${target}.${crypto.randomUUID()}.tmp`;
  try {
    makePrivateFolder(dirname(target));
    writeFileSync(temporary, content, { mode: 0o600, flag: 'wx', flush: true });
    const isPlaced = place(temporary, target);
    syncFolder(dirname(target));
    return isPlaced;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function fs() {
  return requiredBuiltin('node:fs', 'A file');
}
