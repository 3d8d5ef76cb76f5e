import fs from 'node:fs';
import type { TestContext } from 'node:test';

/** What this process does with names in folders, one step each. */
const steps = [
  'copyFileSync',
  'linkSync',
  'lstatSync',
  'mkdirSync',
  'openSync',
  'readdirSync',
  'renameSync',
  'rmdirSync',
  'rmSync',
  'statSync',
  'writeFileSync',
] as const;

/**
 * Runs something before each step, as another process might at that moment. The file system has no hard links. A copy
 * takes two steps: the new file appears before its content.
 */
export function stepFiles(t: TestContext, beforeStep: () => void): void {
  const { copyFileSync, writeFileSync } = fs;
  for (const name of steps) {
    const original = fs[name] as (...args: unknown[]) => unknown;
    t.mock.method(fs, name, ((...args: unknown[]) => {
      beforeStep();
      if (name === 'linkSync') throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
      if (name !== 'copyFileSync') return original(...args);
      const [from, to] = args as [string, string];
      writeFileSync(to, '', { flag: 'wx' });
      beforeStep();
      return copyFileSync(from, to);
    }) as never);
  }
}
