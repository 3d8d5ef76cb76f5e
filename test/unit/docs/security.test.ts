import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite, test } from 'node:test';

const root = resolve(import.meta.dirname, '../../..');
const security = readFileSync(join(root, 'SECURITY.md'), 'utf8');
const named = Array.from(security.matchAll(/`(test\/[^`]+)`/g), ([, path]) => path!);

suite('SECURITY.md', () => {
  test('names files that are there', () => {
    assert.deepEqual(
      named.filter((path) => !existsSync(join(root, path))),
      [],
    );
  });

  test('names a test for each promise', () => {
    const promises = /## What peerloom promises\n([\s\S]*?)\n## /.exec(security)![1]!.match(/^- .*$/gm)!;
    assert.ok(promises.length > 8);
    for (const promise of promises) assert.match(promise, /\(`test\/[^)]+`\)$/, promise);
  });

  test('names every test that attacks a node, and every one that fuzzes', () => {
    const files = globSync('test/{integration/attacks,fuzz}/*.test.ts', { cwd: root });
    assert.ok(files.length > 20);
    assert.deepEqual(
      files.map((file) => file.replaceAll('\\', '/')).filter((file) => !named.includes(file)),
      [],
    );
  });
});
