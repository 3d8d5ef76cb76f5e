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
const page = readFileSync(join(root, 'docs/streams.md'), 'utf8');

/** The programs, and what they print; the first begins all the others. */
const [[, beginning] = [], ...programs] = page.matchAll(/```ts\n(.*?)```\n\n(?:```text\n(.*?)```)?/gs);
const end = 'await Promise.all([alice.stop(), bob.stop()]);';

suite('docs/streams.md', () => {
  test('says what each of its programs prints', () => {
    assert.equal(programs.length, 4);
    assert.ok(programs.every(([, , output]) => output !== undefined));
  });

  for (const [index, [, program, output]] of programs.entries()) {
    test(`its program ${index + 1} prints what the page says`, async (t) => {
      const source = `${beginning}\n${program}\n${end}`.replace(
        'peerloom',
        String(pathToFileURL(join(root, 'src/index.ts'))),
      );
      const cwd = mkdtempSync(join(tmpdir(), 'streams-page-'));
      t.after(() => rmSync(cwd, { recursive: true }));
      const args = ['--input-type=module-typescript', '-e', source];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd, timeout: 60_000 });
      assert.equal(stdout, output);
      assert.equal(stderr, '');
    });
  }
});
