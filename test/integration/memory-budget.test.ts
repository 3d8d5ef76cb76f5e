import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import { type LostSession, tcp } from '../../src/index.ts';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { Fixture } from '../support/fixture.ts';
import { connect, startNodes } from '../support/start-nodes.ts';
import { until } from '../support/turns.ts';

const mebibyte = 2 ** 20;
const limits = { memoryBudgetBytes: 32 * mebibyte };

for (const [who, reconnect] of [
  ['', false],
  [', also where each connection keeps it until it is acknowledged', true],
] as const) {
  test(`a large message to many counts once: nobody goes${who}`, async (t) => {
    const [hub] = await startNodes(t, 1, { options: { limits } });
    const others = await startNodes(t, 12);
    for (const other of others) await other.connectWithNode(hub.host, hub.port, { reconnect });
    await hub.event('inbound_node_connected', 12);
    const data = new Uint8Array(3 * mebibyte);
    assert.equal(hub.sendToNodes(data).sent, 12);
    for (const other of others) assert.equal(((await other.message()) as Uint8Array).length, data.length);
    assert.equal(hub.allNodes.length, 12);
  });
}

test('peers that send large messages all the time are within it, however much they send', async (t) => {
  const [hub] = await startNodes(t, 1, { options: { limits } });
  const others = await startNodes(t, 4);
  const connections = await Promise.all(others.map((other) => connect(other, hub)));
  for (let round = 0; round < 5; round++) {
    await Promise.all(connections.map((connection) => connection.deliver(new Uint8Array(4 * mebibyte))));
  }
  assert.equal(hub.messages.length, 20);
  assert.equal(hub.allNodes.length, 4);
});

test('nodes of the Python package count as well', async (t) => {
  const options = { limits, transports: [tcp({ accept: ['tls', 'p2pnetwork'] })] };
  const [node] = await startNodes(t, 1, { options });
  const sockets = await Promise.all(
    Array.from({ length: 5 }, async (_, index) => {
      const socket = connectTcp(node.port, node.host).on('error', () => {});
      Fixture.of(t).defer(() => socket.destroy());
      socket.write(`node ${index}:1`);
      await once(socket, 'data');
      return socket;
    }),
  );
  await node.event('inbound_node_connected', 5);
  // None of these messages ever ends.
  for (const socket of sockets) socket.write('x'.repeat(9 * mebibyte));
  const first = await node.event('inbound_node_disconnected');
  assert.equal(first.peer!.closeReason!.code, 'overload');
  await until(
    () => sockets.some(({ closed }) => closed),
    'the one that goes is told nothing, but disconnected',
  );
  assert.ok(node.allNodes.length >= 1);
});

test('what is kept for who may come back counts too, and the user is told what is given up', async (t) => {
  const reconnect = { minDelayMs: 1, maxDelayMs: 20 };
  const [a, ...others] = await startNodes(t, 3, { options: { limits, reconnect } });
  const links = await Promise.all(
    others.map(async (other) => {
      const proxy = await ChaosProxy.start({ target: { port: other.port } });
      Fixture.of(t).defer(() => proxy.stop());
      const connection = await a.connectWithNode('127.0.0.1', proxy.port, { reconnect: true });
      await other.event('inbound_node_connected');
      return { proxy, connection };
    }),
  );
  const [worst, other] = links as [(typeof links)[0], (typeof links)[0]];
  for (const { proxy } of links) proxy.shut();
  await a.event('outbound_node_disconnected', 2);
  other.connection.send(new Uint8Array(13 * mebibyte));
  worst.connection.send(new Uint8Array(10 * mebibyte));
  worst.connection.send(new Uint8Array(10 * mebibyte));
  const lost = await a.event('node_session_lost');
  assert.equal(lost.peer, worst.connection);
  assert.equal((lost.data as LostSession).count, 2);
  assert.equal(worst.connection.closeReason!.code, 'overload');

  assert.equal(other.connection.isSuspended, true);
  other.proxy.open();
  assert.equal(((await others[1]!.message()) as Uint8Array).length, 13 * mebibyte);
});
