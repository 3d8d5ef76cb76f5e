import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import { startNodes } from '../support/start-nodes.ts';
import { turns } from '../support/turns.ts';

const program = fileURLToPath(new URL('../support/programs/node-to-kill.ts', import.meta.url));

async function startChild(t: TestContext): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(program);
  const exited = once(child, 'exit');
  Fixture.of(t).defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const [port] = (await once(child, 'message')) as [number];
  return { child, port };
}

test('a peer whose process is killed is lost at once, with one event: outbound', async (t) => {
  const [node] = await startNodes(t, 1);
  const { child, port } = await startChild(t);
  const connection = await node.connectWithNode('127.0.0.1', port);
  await connection.deliver('are you there?');
  child.kill('SIGKILL');
  await node.event('outbound_node_disconnected');
  const { code, by } = connection.closeReason!;
  assert.deepEqual({ code, by }, { code: 'lost', by: 'link' });
  await turns();
  assert.deepEqual(node.names, ['outbound_node_connected', 'outbound_node_disconnected']);
  assert.throws(() => connection.send('hello?'), withCode('ERR_CONNECTION_CLOSED'));
});

test('a peer whose process is killed is lost at once, with one event: inbound', async (t) => {
  const [node] = await startNodes(t, 1);
  const { child } = await startChild(t);
  child.send(`127.0.0.1:${node.port}`);
  await node.event('inbound_node_connected');
  const connection = node.allNodes[0]!;
  // Much is on its way to it when it dies.
  for (let index = 0; index < 100; index++) connection.send(new Uint8Array(100_000));
  child.kill('SIGKILL');
  await node.event('inbound_node_disconnected');
  assert.equal(connection.closeReason?.code, 'lost');
  await turns();
  assert.deepEqual(node.names, ['inbound_node_connected', 'inbound_node_disconnected']);
});
