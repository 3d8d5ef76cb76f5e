import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RecordingNode } from '../../support/recording-node.ts';
import { startNodes } from '../../support/start-nodes.ts';
import { Program, terminal } from './program.ts';

/** A node at a terminal, and another one that it is connected with. */
async function talk(t: TestContext): Promise<{ program: Program; ben: RecordingNode }> {
  const [ben] = await startNodes(t, 1, { options: { name: 'ben' } });
  const program = new Program(t, ['node', '--name', 'ada', '--connect', `127.0.0.1:${ben.port}`], terminal);
  await program.prints(/\nType to talk.*\n.*> /);
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

test('/peers, /help and /quit; other words with a slash are not sent', async (t) => {
  const { program, ben } = await talk(t);
  program.type('/peers\r');
  await program.prints(new RegExp(`ben +${ben.id} {2}127\\.0\\.0\\.1:${ben.port}\n`));
  program.type('/help\r');
  await program.prints(/\/peers .*\n.*\/help .*\n.*\/quit /);
  program.type('/leave now\r');
  await program.prints(/There is no \/leave; \/help tells/);
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

test('nobody to talk to is said', async (t) => {
  const program = new Program(t, ['node'], terminal);
  const [, address] = await program.prints(/^Listening on (.*)\n[\s\S]*> /);
  program.type('hello?\r');
  await program.prints(
    new RegExp(`Not sent\\. Nobody is connected\\. .*peerloom node --connect ${address}\n`),
  );
});
