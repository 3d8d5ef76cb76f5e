import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import '../support/look-over.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/testing.md'), 'utf8');
const files = Array.from(page.matchAll(/```ts file=(\S+)\n(.*?)```/gs), ([, name, source]) => ({
  name: name!,
  source: source!.replace("'peerloom'", `'${pathToFileURL(join(root, 'src/index.ts'))}'`),
}));

suite('docs/testing.md', () => {
  for (const { name } of files.filter(({ name }) => name.endsWith('.test.ts'))) {
    test(`its ${name} passes`, async (t) => {
      const cwd = mkdtempSync(join(tmpdir(), 'testing-page-'));
      t.after(() => rmSync(cwd, { recursive: true }));
      for (const file of files) writeFileSync(join(cwd, file.name), file.source);
      writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }');
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--test', '--test-reporter=tap', join(cwd, name)],
        { cwd, env, timeout: 60_000 },
      );
      assert.match(stdout, /^# pass 1$/m);
      assert.match(stdout, /^# fail 0$/m);
    });
  }

  test('has two tests', () => {
    assert.equal(files.length, 3);
  });
});
