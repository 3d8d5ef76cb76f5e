import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { run } from './program.ts';

const emptyInput = 'peerloom: the input was empty, so the node stops; use --stay to keep it running\n';

function identityFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'peerloom-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'id.pem');
}

function idOf({ stdout }: { stdout: string }): string {
  return JSON.parse(stdout.split('\n')[0]!).id;
}

test('a node keeps its id in a file, and has a new one without', async (t) => {
  const file = identityFile(t);
  const first = await run(t, ['node', '--json', '--identity', file]);
  assert.equal(first.stderr, `peerloom: created a new identity in ${file}\n${emptyInput}`);
  const second = await run(t, ['node', '--json', '--identity', file]);
  assert.equal(second.stderr, emptyInput);
  const other = await run(t, ['node', '--json']);
  assert.equal(idOf(second), idOf(first));
  assert.notEqual(idOf(other), idOf(first));
});

test('a passphrase protects the file; a wrong one, or none, is told in one line', async (t) => {
  const args = ['node', '--json', '--identity', identityFile(t)];
  const withPassphrase = [...args, '--passphrase-env', 'PASS'];
  const first = await run(t, withPassphrase, { PASS: 'correct horse' });
  assert.equal(first.code, 0, first.stderr);
  assert.equal(idOf(await run(t, withPassphrase, { PASS: 'correct horse' })), idOf(first));

  const wrong = await run(t, withPassphrase, { PASS: 'battery staple' });
  assert.deepEqual({ code: wrong.code, stdout: wrong.stdout }, { code: 1, stdout: '' });
  assert.match(wrong.stderr, /^peerloom: .*passphrase does not open.*\n$/);

  const none = await run(t, args);
  assert.deepEqual({ code: none.code, stdout: none.stdout }, { code: 1, stdout: '' });
  assert.match(none.stderr, /^peerloom: .*--passphrase-env.*\n$/);
});
