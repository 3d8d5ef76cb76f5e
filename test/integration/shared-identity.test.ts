import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Identity, PeerloomError } from '../../src/index.ts';
import { engines } from '../support/engines.ts';
import type { RecordingNode } from '../support/recording-node.ts';
import { startNodes } from '../support/start-nodes.ts';
import { until } from '../support/turns.ts';

const reconnect = { minDelayMs: 5, maxDelayMs: 20 };

/** What a node was told of another process that uses its identity. */
function told(node: RecordingNode): string[] {
  return node
    .of('node_error')
    .map(({ data }) => (data as { error: unknown }).error)
    .filter((error) => error instanceof PeerloomError && error.code === 'ERR_IDENTITY_IN_USE')
    .map((error) => (error as PeerloomError).message);
}

for (const engine of engines) {
  test(`two processes with one identity are both told, and one of them stays connected: ${engine.name}`, async (t) => {
    const identity = Identity.generate();
    const [server] = await startNodes(t, 1, { engine });
    const [first, second] = await startNodes(t, 2, { engine, options: { identity, reconnect } });
    const older = await first.connectWithNode(server.host, server.port, { reconnect: true });
    await second.connectWithNode(server.host, server.port, { reconnect: true });
    await first.event('outbound_node_disconnected');
    assert.equal(older.closeReason?.code, 'replaced');
    assert.match(older.closeReason.message, /another process with the same identity/);

    for (const node of [first, second]) await node.event('node_error');
    for (const node of [first, second]) assert.match(told(node)[0]!, /identity/);
    const reasons = [first, second].flatMap((node) =>
      node.of('outbound_node_disconnected').map(({ peer }) => peer!.closeReason!.code),
    );
    assert.ok(reasons.includes('conflict'), `${reasons}`);

    // From here on one of them is connected and stays so, while the other one tries again and hears why it fails.
    const refusals = (node: RecordingNode): number => node.of('node_reconnection_error').length;
    const before = refusals(first) + refusals(second);
    const isRefused = (node: RecordingNode): boolean => refusals(node) > 3 && node.allNodes.length === 0;
    await until(
      () => refusals(first) + refusals(second) >= before + 3 && [first, second].some(isRefused),
      'one of the two is refused several times',
    );
    const [fails, stays] = isRefused(first) ? [first, second] : [second, first];
    const { error } = fails.of('node_reconnection_error').at(-1)!.data as { error: unknown };
    assert.ok(error instanceof PeerloomError && error.code === 'ERR_IDENTITY_IN_USE', String(error));
    await stays.peer(server).deliver('still connected');
    const arrivals = server.of('inbound_node_connected').length;
    await fails.event('node_reconnection_error', refusals(fails) + 5);
    assert.equal(
      server.of('inbound_node_connected').length,
      arrivals,
      'they do not replace each other any more',
    );

    // The other one takes over when the one that stayed is gone.
    const { length } = fails.of('outbound_node_connected');
    await stays.stop();
    await fails.event('outbound_node_connected', length + 1);
  });
}

test('a node that was restarted takes the place of its earlier run, and nobody speaks of a conflict', async (t) => {
  const identity = Identity.generate();
  const [server] = await startNodes(t, 1);
  const [earlier] = await startNodes(t, 1, { options: { identity } });
  await earlier.connectWithNode(server.host, server.port);
  await server.event('inbound_node_connected');
  const [restarted] = await startNodes(t, 1, { options: { identity } });
  const connection = await restarted.connectWithNode(server.host, server.port);
  await earlier.event('outbound_node_disconnected');
  await connection.deliver('hello');
  assert.deepEqual([told(earlier), told(restarted)], [[], []]);
});

test('a dial of a process whose identity is in use there fails with ERR_IDENTITY_IN_USE', async (t) => {
  const identity = Identity.generate();
  const [server] = await startNodes(t, 1);
  const [first, second] = await startNodes(t, 2, { options: { identity } });
  await first.connectWithNode(server.host, server.port);
  await second.connectWithNode(server.host, server.port);
  await first.event('outbound_node_disconnected');
  await assert.rejects(first.connectWithNode(server.host, server.port), { code: 'ERR_IDENTITY_IN_USE' });
});
