import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

const folder = resolve(import.meta.dirname, '../..');
const lookOver = join(folder, 'support/look-over.ts');

/** Whether a module leads to another one. */
function imports(module: string, wanted: string, seen = new Set<string>()): boolean {
  if (module === wanted) return true;
  if (seen.has(module) || !existsSync(module)) return false;
  seen.add(module);
  const specifiers = readFileSync(module, 'utf8').matchAll(
    /^(?:import|\}) ?(?:[^;']*from )?'(\.[^']+\.ts)'/gm,
  );
  return [...specifiers].some(([, path]) => imports(resolve(dirname(module), path!), wanted, seen));
}

test('every test of whole nodes is looked over at its end', () => {
  const files = globSync('{integration,compliance,interop}/**/*.test.ts', { cwd: folder });
  assert.ok(files.length > 50);
  assert.deepEqual(
    files.filter((file) => !imports(join(folder, file), lookOver)),
    [],
  );
});
