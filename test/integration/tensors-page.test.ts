import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import '../support/look-over.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/tensors.md'), 'utf8');

/** The programs, and what they print; two go on where the first has begun. */
const programs = [...page.matchAll(/```ts\n(.*?)```\n\n```text\n(.*?)```/gs)];
const beginning = programs[0]![1]!.split('\n\n').slice(0, 2).join('\n');
const end = 'await Promise.all([alice.stop(), bob.stop()]);';

suite('docs/tensors.md', () => {
  test('has three programs', () => assert.equal(programs.length, 3));

  for (const [index, [, program, output]] of programs.entries()) {
    test(`its program ${index + 1} prints what the page says`, async (t) => {
      const source = `${index === 0 ? '' : beginning}\n${program}\n${end}`
        .replace("'peerloom'", `'${pathToFileURL(join(root, 'src/index.ts'))}'`)
        .replace("'peerloom/tensors'", `'${pathToFileURL(join(root, 'src/tensors/index.ts'))}'`);
      const cwd = mkdtempSync(join(tmpdir(), 'tensors-page-'));
      t.after(() => rmSync(cwd, { recursive: true }));
      const args = ['--input-type=module-typescript', '-e', source];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd, timeout: 60_000 });
      assert.equal(stdout, output);
      assert.equal(stderr, '');
    });
  }
});
