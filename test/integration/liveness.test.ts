import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualRuntime } from '../../src/simulator/virtual-runtime.ts';
import { FrameKind } from '../../src/wire/frames/frame.ts';
import { withCode } from '../support/errors.ts';
import { HandMadePeer } from '../support/hand-made-peer.ts';
import { startVirtualNodes } from '../support/start-nodes.ts';

const secondMs = 1_000;
const hourMs = 3_600 * secondMs;

/** Silence is looked for four times in the 15 seconds before a ping. */
const graceMs = (15 * secondMs) / 4;

test('a peer that falls silent is pinged after 15 seconds and lost after 45, with one event', async (t) => {
  const { nodes, runtime, engine } = await startVirtualNodes(t, 1);
  const [node] = nodes;
  const peer = await runtime.settle(HandMadePeer.dial(t, node, { engine, runtime }));
  await runtime.advance(14 * secondMs);
  assert.deepEqual(peer.kinds, []);
  await runtime.advance(1 * secondMs + graceMs);
  assert.deepEqual(peer.kinds, [FrameKind.ping]);
  await runtime.advance(15 * secondMs);
  assert.deepEqual(peer.kinds, [FrameKind.ping, FrameKind.ping]);
  assert.ok(runtime.now() < 45 * secondMs);
  const connection = node.allNodes[0]!;
  await runtime.advance(44 * secondMs - runtime.now());
  assert.equal(connection.isOpen, true);
  await runtime.advance(1 * secondMs + graceMs);
  assert.deepEqual(node.names, ['inbound_node_connected', 'inbound_node_disconnected']);
  const { code, by } = connection.closeReason!;
  assert.deepEqual({ code, by }, { code: 'timeout', by: 'us' });
  await runtime.advance(hourMs);
  assert.equal(node.events.length, 2);
});

test('the same for a peer that this node dialled; what waits for it fails', async (t) => {
  const { nodes, runtime, engine } = await startVirtualNodes(t, 1);
  const [node] = nodes;
  const { port, peer } = await HandMadePeer.listen(t, { engine, runtime });
  const connection = await runtime.settle(node.connectWithNode(engine.host, port));
  const { kinds } = await runtime.settle(peer);
  const asking = assert.rejects(
    connection.request('anybody?', { timeoutMs: Number.POSITIVE_INFINITY }),
    withCode('ERR_CONNECTION_CLOSED', /the other side was silent for 45000 ms/),
  );
  await runtime.advance(45 * secondMs + graceMs);
  await asking;
  assert.deepEqual(node.names, ['outbound_node_connected', 'outbound_node_disconnected']);
  assert.ok(kinds.includes(FrameKind.ping));
});

test('nodes that have nothing to say to each other stay connected', async (t) => {
  const { nodes, runtime } = await startVirtualNodes(t, 2);
  const [a, b] = nodes;
  const connection = await runtime.settle(a.connectWithNode(b.host, b.port));
  await runtime.advance(3 * hourMs);
  assert.equal(connection.isOpen, true);
  const delivered = connection.deliver('good morning');
  await runtime.settle(delivered);
  assert.deepEqual(
    [a.names, b.names],
    [['outbound_node_connected'], ['inbound_node_connected', 'node_message']],
  );
});

test('a peer whose handler takes hours is busy, not dead', async (t) => {
  const { nodes, runtime } = await startVirtualNodes(t, 2);
  const [a, b] = nodes;
  const gate = Promise.withResolvers<void>();
  b.on('node_message', () => gate.promise);
  const connection = await runtime.settle(a.connectWithNode(b.host, b.port));
  // More than the window of a peer.
  const count = 100;
  for (let index = 0; index < count; index++) connection.send(new Uint8Array(100_000));
  await runtime.advance(3 * hourMs);
  assert.equal(b.messages.length, 1);
  assert.equal(connection.send('still there?'), false, 'it is held back');
  assert.equal(a.names.length, 1, 'no disconnect event');
  assert.deepEqual(b.names.slice(1), ['node_message', 'node_handler_slow']);
  gate.resolve();
  await runtime.advance(1 * secondMs);
  assert.equal(b.messages.length, count + 1);
  await runtime.settle(connection.deliver('and at work again'));
});

test('the times are options', async (t) => {
  const limits = { pingAfterMs: 400, deadAfterMs: 1_000 };
  const { nodes, runtime, engine } = await startVirtualNodes(t, 1, { options: { limits } });
  const [node] = nodes;
  const { kinds } = await runtime.settle(HandMadePeer.dial(t, node, { engine, runtime }));
  await runtime.advance(999);
  assert.deepEqual(kinds, [FrameKind.ping, FrameKind.ping]);
  assert.equal(node.nodesInbound.size, 1);
  await runtime.advance(101);
  assert.equal(node.nodesInbound.size, 0);
});

test('a node without connections has no timer, and one with several that are busy has one for all', async (t) => {
  const { nodes, runtime } = await startVirtualNodes(t, 4);
  const [a, ...others] = nodes;
  assert.deepEqual(runtime.pending, []);
  const connections = await runtime.settle(
    Promise.all(others.map((other) => a.connectWithNode(other.host, other.port))),
  );
  await runtime.advance(0);
  const startedAt = runtime.now();
  assert.equal(runtime.pending.length, nodes.length, 'one for each node');
  let timers = 0;
  const { setTimeout } = VirtualRuntime.prototype;
  t.mock.method(
    runtime,
    'setTimeout',
    function (this: VirtualRuntime, callback: () => void, delayMs: number) {
      // Links of the memory transport deliver with timers of their own.
      if (delayMs > 0) timers += 1;
      return setTimeout.call(this, callback, delayMs);
    },
  );
  while (runtime.now() < startedAt + 10 * 60 * secondMs) {
    for (const connection of connections) await runtime.settle(connection.ping({ timeoutMs: Infinity }));
    await runtime.advance(secondMs);
  }
  assert.ok(timers <= nodes.length * 45, `${timers} timers in ten minutes; one each 15 s is enough`);
  await runtime.settle(Promise.all(connections.map((connection) => connection.stop())));
  assert.deepEqual(runtime.pending, []);
});

test('a node that has stopped leaves no timer behind', async (t) => {
  const { nodes, runtime } = await startVirtualNodes(t, 2);
  const [a, b] = nodes;
  await runtime.settle(a.connectWithNode(b.host, b.port, { reconnect: true }));
  await runtime.advance(hourMs);
  await runtime.settle(a.stop());
  await runtime.settle(b.stop());
  await runtime.advance(0);
  assert.deepEqual(runtime.pending, []);
});
