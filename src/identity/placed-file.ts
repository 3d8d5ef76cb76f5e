import { requiredBuiltin } from '../base/builtin.ts';

/**
 * Gives a file that is written completely its final name, and never replaces another file.
 *
 * @returns false when another file has the name; the file then keeps its old name, or is gone.
 * @throws Error of the system.
 */
export function placeNew(file: string, path: string): boolean {
  try {
    fs().linkSync(file, path);
    return true;
  } catch {
    if (!isTaken(path)) placeWithoutLinks(file, path);
    return false;
  }
}

/** Whether a path leads to anything; a link that leads nowhere counts. */
export function isTaken(path: string): boolean {
  return fs().lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * For file systems without hard links. A folder cannot be renamed to a name that a folder with content has. So of all
 * processes only one gets its own folder, with its file inside, to `<path>.new`. Any process that finds that folder
 * moves the file on, also when the process that placed the folder was killed. In the end one process's file is there.
 */
function placeWithoutLinks(file: string, path: string): void {
  const { mkdirSync, renameSync, rmSync } = fs();
  const { basename, join } = paths();
  const [own, shared] = [`${file}.folder`, `${path}.new`];
  moveOn(shared, path);
  if (isTaken(path)) return;
  mkdirSync(own, { mode: 0o700 });
  try {
    renameSync(file, join(own, basename(file)));
    try {
      renameSync(own, shared);
    } catch (error) {
      moveOn(shared, path);
      if (!isTaken(path)) throw error;
    }
    moveOn(shared, path);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/**
 * Moves the file in the shared folder to the path, or removes it if the path is taken. Each process gives its file a
 * different name, and the name is read before the path is checked. So a file that arrives in the folder after the path
 * was taken never replaces what is there.
 */
function moveOn(shared: string, path: string): void {
  const { rmdirSync, rmSync } = fs();
  for (const name of namesIn(shared)) {
    const file = paths().join(shared, name);
    if (isTaken(path)) rmSync(file, { force: true });
    else renameIfThere(file, path);
  }
  try {
    rmdirSync(shared);
  } catch {
    // The folder is gone, or holds the next process's file.
  }
}

function namesIn(folder: string): string[] {
  return unlessMissing(() => fs().readdirSync(folder)) ?? [];
}

function renameIfThere(file: string, path: string): void {
  unlessMissing(() => fs().renameSync(file, path));
}

function unlessMissing<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

function fs() {
  return requiredBuiltin('node:fs', 'A file');
}

function paths() {
  return requiredBuiltin('node:path', 'A file');
}
