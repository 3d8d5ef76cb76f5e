import { requiredBuiltin } from '../base/builtin.ts';

/** The error codes of systems that cannot sync a folder, such as Windows. EACCES: this user may not list the folder. */
const noSyncCodes: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'EINVAL',
  'EISDIR',
  'ENOTSUP',
  'EPERM',
]);

/** Flushes the names in a folder to the disk. Until then, a power failure can undo a rename. */
export function syncFolder(folder: string): void {
  const { closeSync, fsyncSync, openSync } = requiredBuiltin('node:fs', 'A file');
  try {
    const descriptor = openSync(folder, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (!noSyncCodes.has((error as NodeJS.ErrnoException).code)) throw error;
  }
}

/** Creates a folder, and the missing ones on the way to it, that only this user can open, and syncs their names. */
export function makePrivateFolder(path: string): void {
  const { dirname, resolve } = requiredBuiltin('node:path', 'A file');
  const folder = resolve(path);
  const { mkdirSync } = requiredBuiltin('node:fs', 'A file');
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made));
}
