import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Record<string, string>;
}

for (const [folder, fewest] of [
  ['.', 50],
  ['test/packaging/bundlers', 50],
  ['test/packaging/runtimes', 12],
] as const) {
  suite(`package-lock.json of ${folder}`, () => {
    const path = resolve(import.meta.dirname, '../..', folder, 'package-lock.json');
    const { packages } = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, Locked> };
    const { '': _project, ...locked } = packages;

    test('names no registry, and what each package must be', () => {
      assert.ok(Object.keys(locked).length >= fewest);
      for (const [folder, { version, resolved, integrity }] of Object.entries(locked)) {
        assert.equal(resolved, undefined, folder);
        assert.ok(version !== undefined && integrity !== undefined, folder);
      }
    });

    test('has the packages for all platforms, without which npm ci fails on every one', () => {
      // npm leaves out what a registry did not have in that version on the day.
      for (const [folder, { optionalDependencies = {} }] of Object.entries(locked)) {
        for (const name of Object.keys(optionalDependencies)) {
          const isThere = `node_modules/${name}` in locked || `${folder}/node_modules/${name}` in locked;
          assert.ok(isThere, `${name} of ${folder}`);
        }
      }
    });
  });
}
