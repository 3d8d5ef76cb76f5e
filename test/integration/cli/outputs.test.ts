import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, linkSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startNodes } from '../../support/start-nodes.ts';
import { within } from '../../support/turns.ts';
import { Program, run, startNode } from './program.ts';

const bin = fileURLToPath(new URL('../../../bin/peerloom.js', import.meta.url));

/** Runs `peerloom` to its end with one of its outputs on a disk that is full; gives the other one. */
async function runOnFullDisk(
  t: TestContext,
  { full, args, input = '' }: { full: 'stdout' | 'stderr'; args: readonly string[]; input?: string },
): Promise<{ code: number; other: string }> {
  const disk = openSync('/dev/full', 'w');
  const stdio = full === 'stdout' ? (['pipe', disk, 'pipe'] as const) : (['pipe', 'pipe', disk] as const);
  const { NODE_OPTIONS, DEBUG, FORCE_COLOR, ...env } = process.env;
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...env, NO_COLOR: '1' },
    stdio: [...stdio],
  });
  closeSync(disk);
  t.after(() => child.kill('SIGKILL'));
  const [, stdout, stderr] = child.stdio;
  child.stdin!.on('error', () => {}).end(input);
  let other = '';
  (stdout ?? stderr)!.setEncoding('utf8').on('data', (text: string) => {
    other += text;
  });
  const [code] = await within(once(child, 'close'), `the end of ${args.join(' ')}`);
  return { code, other };
}

suite('outputs that fail', { skip: process.platform !== 'linux' && 'there is no /dev/full' }, () => {
  test('a standard output on a full disk is told, and makes the exit code 1', async (t) => {
    const [node] = await startNodes(t, 1);
    const args = ['node', '--connect', `127.0.0.1:${node.port}`];
    const full = await runOnFullDisk(t, { full: 'stdout', args });
    assert.equal(full.code, 1);
    assert.match(full.other, /^peerloom: the output cannot be written: .*no space left.*\n$/);
    const folder = mkdtempSync(join(tmpdir(), 'peerloom-'));
    t.after(() => rmSync(folder, { recursive: true }));
    for (const words of [['--version'], ['keys', 'new', join(folder, 'ada.pem')]]) {
      assert.equal((await runOnFullDisk(t, { full: 'stdout', args: words })).code, 1, words.join(' '));
    }
  });

  test('a log on a full disk ends nothing: every line is sent', async (t) => {
    const [node] = await startNodes(t, 1);
    const args = ['node', '--debug', '--connect', `127.0.0.1:${node.port}`];
    const { code, other } = await runOnFullDisk(t, { full: 'stderr', args, input: 'one\ntwo\n' });
    assert.equal(code, 0);
    assert.match(other, /^Listening on /);
    assert.deepEqual(node.messages, ['one', 'two']);
  });
});

test('a log that nobody reads any more ends nothing: every line is sent', async (t) => {
  const [node] = await startNodes(t, 1);
  const args = ['node', '--connect', `127.0.0.1:${node.port}`];
  const program = new Program(t, args, { DEBUG: 'peerloom:*' });
  await program.complains(/./);
  program.closeErrorOutput();
  program.type('one\n');
  await node.event('node_message');
  program.endInput('two\n');
  assert.equal((await program.ended).code, 0);
  assert.deepEqual(node.messages, ['one', 'two']);
});

test('complaints that nobody reads end nothing', async (t) => {
  const { program, address } = await startNode(t);
  program.closeErrorOutput();
  program.type('nobody is there yet\n'); // which is a complaint
  const [node] = await startNodes(t, 1);
  await node.connectWithNode(address);
  await node.event('node_message');
  program.endInput();
  assert.equal((await program.ended).code, 0);
  assert.deepEqual(node.messages, ['nobody is there yet']);
});

suite('the key file', { skip: process.platform === 'win32' && 'rights are not in the mode' }, () => {
  function keyFile(t: TestContext): string {
    const folder = mkdtempSync(join(tmpdir(), 'peerloom-'));
    t.after(() => rmSync(folder, { recursive: true }));
    return join(folder, 'ada.pem');
  }

  test('gets one line when other users can read it', async (t) => {
    const file = keyFile(t);
    await run(t, ['keys', 'new', file]);
    const open = join(file, '..', 'open.pem');
    writeFileSync(open, readFileSync(file), { mode: 0o644 });
    const { code, stderr } = await run(t, ['keys', 'show', open]);
    assert.equal(code, 0);
    assert.equal(
      stderr,
      `peerloom: other users of this machine can read or change the identity file ${open}; restrict it: chmod 600 ${open}\n`,
    );
    assert.equal((await run(t, ['keys', 'show', file])).stderr, '');
  });

  test('with a second name keeps the old key there, which is told', async (t) => {
    const file = keyFile(t);
    await run(t, ['keys', 'new', file]);
    const change = () => {
      const args = ['keys', 'passphrase', file, '--new-passphrase-env', 'NEW'];
      return run(t, args, { NEW: 'secret' });
    };
    linkSync(file, `${file}.copy`);
    const { code, stderr } = await change();
    assert.deepEqual(
      [code, stderr],
      [0, `peerloom: ${file} had other names (hard links): they still lead to the old, unchanged file\n`],
    );
  });
});
