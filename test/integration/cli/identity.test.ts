import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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

test('keys makes, shows and protects a file, and never overwrites one', async (t) => {
  const file = identityFile(t);
  const env = { OLD: 'correct horse', NEW: 'battery staple', EMPTY: '' };
  const keys = async (...words: string[]) => {
    const [command, ...options] = words;
    return run(t, ['keys', command!, file, ...options], env);
  };
  const refused = async (said: RegExp, ...words: string[]) => {
    const { code, stdout, stderr } = await keys(...words);
    assert.deepEqual([code === 0, stdout], [false, ''], words.join(' '));
    assert.match(stderr, said);
  };
  await refused(/^peerloom: there is no file .*: create it with peerloom keys new /, 'show');
  await refused(
    /^peerloom: the environment variable EMPTY is empty or not set\n/,
    'new',
    '--passphrase-env',
    'EMPTY',
  );
  assert.equal(existsSync(file), false);

  const made = await keys('new', '--passphrase-env', 'OLD');
  assert.match(made.stdout, /^id {10}12D3KooW\w{44}\npublic key {2}[0-9a-f]{64}\n$/);
  const content = readFileSync(file, 'utf8');
  assert.match(content, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
  await refused(/^peerloom: .* exists already: name another file\n/, 'new', '--passphrase-env', 'OLD');
  await refused(/--new-passphrase-env, or use --open for none/, 'passphrase', '--passphrase-env', 'OLD');
  const both = ['--passphrase-env', 'OLD', '--new-passphrase-env', 'NEW', '--open'];
  await refused(/--new-passphrase-env, or use --open for none/, 'passphrase', ...both);
  assert.equal(readFileSync(file, 'utf8'), content);

  const changed = await keys('passphrase', '--passphrase-env', 'OLD', '--new-passphrase-env', 'NEW');
  assert.deepEqual(changed, made);
  await refused(/passphrase does not open/, 'show', '--passphrase-env', 'OLD');
  assert.deepEqual(await keys('show', '--passphrase-env', 'NEW'), made);
  assert.deepEqual(await keys('passphrase', '--passphrase-env', 'NEW', '--open'), made);
  assert.match(readFileSync(file, 'utf8'), /^-----BEGIN PRIVATE KEY-----/);
});
