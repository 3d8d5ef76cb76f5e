import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Fixture } from '../../support/fixture.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { startNodes } from '../../support/start-nodes.ts';
import { Program, terminal } from './program.ts';

const bin = fileURLToPath(new URL('../../../bin/peerloom.js', import.meta.url));
const withoutScript = spawnSync('script', ['--version']).error && 'there is no program script';

/** A node at a terminal, and another one that it is connected with. */
async function talk(t: TestContext): Promise<{ program: Program; ben: RecordingNode }> {
  const [ben] = await startNodes(t, 1, { options: { name: 'ben' } });
  const program = new Program(t, ['node', '--name', 'ada', '--connect', `127.0.0.1:${ben.port}`], terminal);
  await program.prints(/\nEach line that you type goes to all peers;.*\n.*> /);
  return { program, ben };
}

test('what is typed goes to all; empty lines do not', async (t) => {
  const { program, ben } = await talk(t);
  program.type('\r');
  program.type('hello ben\r');
  assert.equal(await ben.message(), 'hello ben');
  program.type('/quit\r');
  assert.equal((await program.ended).code, 0);
  assert.deepEqual(ben.messages, ['hello ben']);
});

test('a message appears above what is being typed, which stays', async (t) => {
  const { program, ben } = await talk(t);
  program.type('half a sen');
  await program.prints(/half a sen$/);
  ben.sendToNodes('interruption');
  // The line is cleared, the message printed, the line drawn again.
  await program.prints(/ben: interruption\n[^\n]*> half a sen/);
  program.type('tence\r');
  assert.equal(await ben.message(), 'half a sentence');
});

test('a long line is sent whole; the terminal shows the start of one that arrives', async (t) => {
  const { program, ben } = await talk(t);
  const line = 'x'.repeat(20_000);
  program.type(`${line}\r`);
  assert.equal(await ben.message(), line);
  ben.sendToNodes(line);
  await program.prints(/ben: x{10000}… \(10,000 more characters\)\n/);
});

test('a long line is sent whole on a terminal without a prompt', { skip: withoutScript }, async (t) => {
  const [ben] = await startNodes(t, 1);
  const command = [process.execPath, bin, 'node', '--json', '--connect', `127.0.0.1:${ben.port}`].join(' ');
  // The program script gives it a terminal of its own.
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const closed = once(child, 'close');
  Fixture.of(t).defer(() => {
    child.kill();
    return closed;
  });
  await ben.event('inbound_node_connected');
  child.stdin.write('short\r'); // once it has arrived, the program reads keys
  await ben.message();
  const line = 'x'.repeat(20_000);
  child.stdin.write(`${line}\r`);
  assert.equal(await ben.message(2), line);
  child.stdin.write('\u0003');
  await ben.event('inbound_node_disconnected');
});

test('/who, /help and /quit; other words with a slash are not sent', async (t) => {
  const { program, ben } = await talk(t);
  program.type('/who\r');
  await program.prints(new RegExp(`ben +${ben.id} {2}127\\.0\\.0\\.1:${ben.port}\n`));
  program.type('/help\r');
  await program.prints(/\/who .*\n.*\/connect ADDRESS .*\n[\s\S]*\/quit /);
  program.type('/whoo\r');
  await program.prints(/There is no command \/whoo; did you mean '\/who'\? \/help lists/);
  program.type('/quit\r');
  const { code, stderr } = await program.ended;
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  await ben.event('inbound_node_disconnected');
  assert.deepEqual(ben.messages, []);
});

test('Ctrl-C and Ctrl-D leave', async (t) => {
  for (const key of ['\u0003', '\u0004']) {
    const { program, ben } = await talk(t);
    program.type(key);
    assert.equal((await program.ended).code, 0);
    const { peer } = await ben.event('inbound_node_disconnected');
    assert.equal(peer!.closeReason!.code, 'stopped');
  }
});

test('/json sends data, // a text with a slash; what is not JSON is not sent', async (t) => {
  const { program, ben } = await talk(t);
  program.type('/json {"round": 1, "list": [null, "two"]}\r');
  assert.deepEqual(await ben.message(), { round: 1, list: [null, 'two'] });
  program.type('//etc/hosts\r');
  assert.equal(await ben.message(2), '/etc/hosts');
  program.type('/json {round: 1}\r');
  await program.prints(/Not sent, because it is not JSON: .*\. Example: \/json \{"a": 1\}\n/);
  program.type('/json\r');
  await program.prints(/Usage: \/json JSON /);
  program.type('the last\r');
  assert.equal(await ben.message(3), 'the last');
});

test('/connect, /ping and /disconnect', async (t) => {
  const { program, ben } = await talk(t);
  const [cleo] = await startNodes(t, 1, { options: { name: 'cleo' } });
  program.type(`/connect 127.0.0.1:${cleo.port}\r`);
  await program.prints(/cleo is connected \(outbound/);
  program.type(`/connect 127.0.0.1:${cleo.port}\r`);
  await program.prints(/cleo is connected already\n/);
  program.type(`/ping …${cleo.id.slice(-6)}\r`);
  await program.prints(/cleo answered within \d+\.\d ms\n/);
  program.type('/disconnect benn\r');
  await program.prints(/No peer is called 'benn'; did you mean 'ben'\? \/who lists the peers\.\n/);
  program.type('/disconnect ben\r');
  const { peer } = await ben.event('inbound_node_disconnected');
  assert.equal(peer!.closeReason!.code, 'disconnected');
  program.type('/connect somewhere\r');
  await program.prints(/\/connect: .*'somewhere' .*no port.*\n/);
  program.type('/connect 127.0.0.1:1\r');
  await program.prints(/\/connect: nothing listens at 127\.0\.0\.1:1: .*\n/);
  program.type('to cleo\r');
  assert.equal(await cleo.message(), 'to cleo');
});

test('of several peers with one name, none is taken for the other', async (t) => {
  const { program, ben } = await talk(t);
  const [other] = await startNodes(t, 1, { options: { name: 'ben' } });
  program.type(`/connect 127.0.0.1:${other.port}\r`);
  await other.event('inbound_node_connected');
  program.type('/disconnect ben\r');
  await program.prints(/2 peers match 'ben'. Give one of their ids: /);
  program.type(`/disconnect ${other.id}\r`);
  await other.event('inbound_node_disconnected');
  assert.deepEqual(ben.of('inbound_node_disconnected'), []);
});

test('nobody to talk to is said', async (t) => {
  const program = new Program(t, ['node'], terminal);
  const [, address] = await program.prints(/^Listening on (.*)\n[\s\S]*> /);
  program.type('hello?\r');
  await program.prints(
    new RegExp(`Not sent\\. No peer is connected: .*peerloom node --connect ${address}\\. The up key .*\n`),
  );
});
