import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * The path of a device like `/dev/null`. For root, who could replace the real one when a test fails, it is made in
 * the folder.
 */
export function deviceIn(folder: string): string {
  const path = join(folder, 'null');
  const isMade = process.getuid?.() === 0 && spawnSync('mknod', [path, 'c', '1', '3']).status === 0;
  return isMade ? path : '/dev/null';
}
