import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { Identity, type NodeConnection, tcp } from '../../src/index.ts';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import type { RecordingNode } from '../support/recording-node.ts';
import { makeNode, startNodes } from '../support/start-nodes.ts';
import { until } from '../support/turns.ts';

/** Nodes that speak TLS and plain TCP. */
function startBoth(t: TestContext): Promise<[RecordingNode, RecordingNode]> {
  return startNodes(t, 2, {
    options: () => ({
      transports: [tcp({ accept: ['tls', 'plain'] })],
      reconnect: { minDelayMs: 1, maxDelayMs: 20 },
    }),
  });
}

function dial(from: RecordingNode, to: { port: number }, scheme: 'tls' | 'tcp'): Promise<NodeConnection> {
  return from.connectWithNode(`${scheme}://127.0.0.1:${to.port}`);
}

function protocols(node: RecordingNode): string[] {
  return node.allNodes.map(({ security }) => security.protocol);
}

suite('two nodes that speak TLS and plain TCP', () => {
  test('who dials TLS never gets the plain connection that is there: the TLS one takes its place', async (t) => {
    const [a, b] = await startBoth(t);
    const first = await dial(a, b, 'tcp');
    const second = await dial(a, b, 'tls');
    assert.notEqual(second, first);
    assert.equal(second.security.protocol, 'tls');
    await a.event('outbound_node_disconnected');
    await b.event('inbound_node_disconnected');
    assert.deepEqual([...protocols(a), ...protocols(b)], ['tls', 'tls']);
    assert.equal(first.closeReason?.code, 'replaced');
    await second.deliver('over TLS');
  });

  test('it does so, too, when the other node made the plain connection', async (t) => {
    const [a, b] = await startBoth(t);
    await dial(b, a, 'tcp');
    const connection = await dial(a, b, 'tls');
    assert.equal(connection.security.protocol, 'tls');
    await b.event('outbound_node_disconnected');
    await connection.deliver('over TLS');
    assert.deepEqual([...protocols(a), ...protocols(b)], ['tls', 'tls']);
  });

  test('who dials plain TCP gets the TLS connection that is there', async (t) => {
    const [a, b] = await startBoth(t);
    const first = await dial(a, b, 'tls');
    assert.equal(await dial(a, b, 'tcp'), first);
    assert.equal(await dial(b, a, 'tcp'), b.peer(a));
    await first.deliver('over TLS');
    assert.deepEqual([...protocols(a), ...protocols(b)], ['tls', 'tls']);
  });

  test('dials of both kinds at once end with one TLS connection', async (t) => {
    for (const [one, other] of [
      ['tls', 'tcp'],
      ['tcp', 'tls'],
    ] as const) {
      const [a, b] = await startBoth(t);
      const [first, second] = await Promise.all([dial(a, b, one), dial(b, a, other)]);
      const overTls = one === 'tls' ? first : second;
      assert.equal(overTls.security.protocol, 'tls');
      await overTls.deliver('over TLS');
      assert.deepEqual([...protocols(a), ...protocols(b)], ['tls', 'tls']);
    }
  });

  test('one dial for TLS beside one for plain TCP of the same node gets TLS', async (t) => {
    const [a, b] = await startBoth(t);
    const [plain, secure] = await Promise.all([dial(a, b, 'tcp'), dial(a, b, 'tls')]);
    assert.equal(secure.security.protocol, 'tls');
    await secure.deliver('over TLS');
    await until(() => protocols(a).length === 1 && protocols(b).length === 1, 'one connection is left');
    assert.deepEqual([...protocols(a), ...protocols(b)], ['tls', 'tls']);
    assert.ok(plain === secure || !plain.isOpen);
  });

  test('a TLS session that waits for its link is not given up for a plain connection, on either side', async (t) => {
    const [a, b] = await startBoth(t);
    const proxy = await ChaosProxy.start({ target: b });
    Fixture.of(t).defer(() => proxy.stop());
    const connection = await a.connectWithNode(`tls://127.0.0.1:${proxy.port}`, { reconnect: true });
    await b.event('inbound_node_connected');
    proxy.shut();
    await a.event('outbound_node_disconnected');
    await b.event('inbound_node_disconnected');
    connection.send('kept');
    await assert.rejects(dial(a, b, 'tcp'), withCode('ERR_NOT_ALLOWED', /connected over a safer link/));
    await assert.rejects(dial(b, a, 'tcp'), withCode('ERR_NOT_ALLOWED', /connected over a safer link/));
    proxy.open();
    await b.event('node_message');
    assert.deepEqual(b.messages, ['kept']);
    assert.equal(connection.isOpen, true);
  });

  test('a restarted node that comes back over plain TCP does not end the TLS connection of its earlier run', async (t) => {
    const [a] = await startBoth(t);
    const identity = Identity.generate();
    const options = { identity, transports: [tcp({ accept: ['tls', 'plain'] })] };
    const [earlier, later] = [
      makeNode(t, { options }),
      makeNode(t, { options: { ...options, transports: [tcp({ accept: ['tls', 'plain'] })] } }),
    ];
    await earlier.start();
    await later.start();
    const connection = await dial(earlier, a, 'tls');
    await a.event('inbound_node_connected');
    await assert.rejects(dial(later, a, 'tcp'), withCode('ERR_NOT_ALLOWED', /connected over a safer link/));
    await connection.deliver('still here');
  });
});
