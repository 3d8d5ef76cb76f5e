import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import '../support/look-over.ts';
import { Page } from '../support/page.ts';

for (const [path, count] of [
  ['docs/testing.md', 3],
  ['docs/broadcast.md', 1],
  ['docs/protocols.md', 1],
] as const) {
  const page = new Page(path);
  const tests = page.fileNames.filter((name) => name.endsWith('.test.ts'));

  suite(path, () => {
    for (const name of tests) {
      test(`its ${name} passes`, async (t) => {
        const cwd = page.writeFiles(t);
        const { NODE_TEST_CONTEXT: _, ...env } = process.env;
        const args = ['--test', '--test-reporter=tap', join(cwd, name)];
        const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, env, timeout: 60_000 });
        assert.match(stdout, /^# pass 1$/m);
        assert.match(stdout, /^# fail 0$/m);
      });
    }

    test(`has tests: ${count}`, () => {
      assert.equal(tests.length, count);
    });
  });
}
