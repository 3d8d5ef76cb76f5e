import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { Command } from 'commander';
import { WrongUse } from '../../../src/cli/failure.ts';
import { addKeysCommand } from '../../../src/cli/keys.ts';
import { withCode } from '../../support/errors.ts';

/** Runs `peerloom keys` with a file in a folder of the test's. */
function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'peerloom-keys-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  t.after(() => {
    for (const variable of ['PASS', 'OTHER']) delete process.env[variable];
  });
  const file = join(folder, 'ada.pem');
  const print = t.mock.method(console, 'log', () => {});
  const run = async (...args: string[]): Promise<string> => {
    const program = new Command('peerloom').exitOverride();
    addKeysCommand(program);
    await program.parseAsync(['keys', ...args], { from: 'user' });
    return String(print.mock.calls.at(-1)!.arguments[0]);
  };
  return { file, run };
}

suite('peerloom keys', () => {
  test('new makes a file, show tells whose it is, and neither overwrites one', async (t) => {
    const { file, run } = setUp(t);
    const made = await run('new', file);
    assert.match(made, /^id {10}12D3KooW\w{44}\npublic key {2}[0-9a-f]{64}$/);
    assert.equal(await run('show', file), made);
    const before = readFileSync(file);
    await assert.rejects(run('new', file), WrongUse);
    assert.deepEqual(readFileSync(file), before);
    await assert.rejects(run('show', `${file}.none`), WrongUse);
  });

  test('passphrase adds one, changes it, takes it away', async (t) => {
    const { file, run } = setUp(t);
    process.env.PASS = 'correct horse';
    process.env.OTHER = 'battery staple';
    const made = await run('new', file);
    assert.equal(await run('passphrase', file, '--new-passphrase-env', 'PASS'), made);
    await assert.rejects(run('show', file), withCode('ERR_IDENTITY_PASSPHRASE'));
    const change = ['--passphrase-env', 'PASS', '--new-passphrase-env', 'OTHER'];
    assert.equal(await run('passphrase', file, ...change), made);
    await assert.rejects(run('show', file, '--passphrase-env', 'PASS'), withCode('ERR_IDENTITY_PASSPHRASE'));
    assert.equal(await run('show', file, '--passphrase-env', 'OTHER'), made);
    const open = ['passphrase', file, '--passphrase-env', 'OTHER'];
    await assert.rejects(run(...open), WrongUse, 'not by leaving something out');
    await assert.rejects(run(...open, '--open', '--new-passphrase-env', 'PASS'), WrongUse);
    assert.equal(await run('show', file, '--passphrase-env', 'OTHER'), made);
    assert.equal(await run(...open, '--open'), made);
    assert.equal(await run('show', file), made);
    await assert.rejects(run('show', file, '--passphrase-env', 'NOTHING'), WrongUse);
  });

  test('a damaged file and a key of another kind are told apart', async (t) => {
    const { file, run } = setUp(t);
    writeFileSync(file, 'nonsense');
    await assert.rejects(run('show', file), withCode('ERR_IDENTITY_DAMAGED'));
    writeFileSync(file, otherKind);
    await assert.rejects(run('show', file), withCode('ERR_IDENTITY_KIND'));
  });
});

/** An X25519 key. */
const otherKind = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEIHBoEIKOmyjKvsrYEcuRLAYr9iRFYqvJHsSqmLzyTWFQ
-----END PRIVATE KEY-----
`;
