import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { Identity, type NodeConnection } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { connect, makeNode, startNodes, startVirtualNodes } from '../support/start-nodes.ts';

/** Node a keeps connected with b, on virtual time; `restart` gives the address a new b. */
async function startKeeping(
  t: TestContext,
  options: Parameters<typeof startVirtualNodes>[2] & { kind?: typeof RecordingNode } = {},
) {
  const { nodes, runtime, engine } = await startVirtualNodes(t, 1, options);
  const [a] = nodes;
  const identity = Identity.generate();
  const start = async (port: number, who = identity): Promise<RecordingNode> => {
    const node = makeNode(t, { engine, port, options: { runtime, identity: who } }, 1);
    await node.start();
    return node;
  };
  const b = await start(0);
  const connection = await runtime.settle(a.connectWithNode(b.host, b.port, { reconnect: true }));
  const trialTimes: number[] = [];
  a.on('node_reconnection_error', () => void trialTimes.push(runtime.now()));
  return {
    a,
    b,
    connection,
    runtime,
    trialTimes,
    restart: (who?: Identity) => start(b.port, who),
    /** Until the node knows that its connection is gone. */
    lose: async (node = b) => {
      const { length } = a.of('outbound_node_disconnected');
      await runtime.settle(node.stop());
      await runtime.settle(a.event('outbound_node_disconnected', length + 1));
    },
  };
}

suite('a connection with reconnect: true', () => {
  test('comes back when the peer does', async (t) => {
    const { a, runtime, lose, restart } = await startKeeping(t);
    await lose();
    assert.equal(a.of('outbound_node_disconnected').length, 1);
    const again = await restart();
    await runtime.advance(1_000);
    assert.equal(a.of('outbound_node_connected').length, 2);
    assert.equal(a.allNodes[0]!.id, again.id);
    await runtime.settle(a.allNodes[0]!.deliver('back again'));
    assert.deepEqual(again.messages, ['back again']);
  });

  test('is tried after 1 s, doubling to 60 s, each with full jitter; a connection that lasted begins anew', async (t) => {
    const { b, runtime, trialTimes, restart, a, lose } = await startKeeping(t);
    await lose();
    const lostAt = runtime.now();
    await runtime.advance(300_000);
    const delays = trialTimes.map((time, index) => time - (trialTimes[index - 1] ?? lostAt));
    assert.deepEqual(delays, [999, 1_999, 3_999, 7_999, 15_999, 31_999, 59_999, 59_999, 59_999]);
    const { error } = a.of('node_reconnection_error')[0]!.data as { error: unknown };
    assert.ok(withCode('ERR_CONNECTION_REFUSED')(error), 'the error says why');
    assert.deepEqual(
      a.of('node_reconnection_error').map(({ data }) => data),
      delays.map((_, index) => ({ address: `virtual:${b.port}`, trials: index + 1, error })),
    );
    const again = await restart();
    await runtime.advance(60_000);
    assert.equal(a.allNodes.length, 1);
    await runtime.advance(10_000);
    runtime.nextRandom = () => 0.25;
    await lose(again);
    const lostAgainAt = runtime.now();
    await runtime.advance(2_000);
    const later = trialTimes.slice(delays.length).map((time) => time - lostAgainAt);
    assert.deepEqual(later.slice(0, 2), [250, 250 + 500]);
  });

  test('waits as the options say', async (t) => {
    const reconnect = { minDelayMs: 10, maxDelayMs: 35 };
    const { runtime, trialTimes, lose } = await startKeeping(t, { options: { reconnect } });
    await lose();
    const lostAt = runtime.now();
    await runtime.advance(100);
    assert.deepEqual(
      trialTimes.map((time) => time - lostAt),
      [9, 9 + 19, 9 + 19 + 34, 9 + 19 + 34 + 34],
    );
  });

  test('gives up after maxTrials', async (t) => {
    const { runtime, trialTimes, restart, a, lose } = await startKeeping(t, {
      options: { reconnect: { maxTrials: 3 } },
    });
    await lose();
    await runtime.advance(3_600_000);
    assert.equal(trialTimes.length, 3);
    await restart();
    await runtime.advance(3_600_000);
    assert.equal(a.allNodes.length, 0);
  });

  class GivingUpNode extends RecordingNode {
    override nodeReconnectionError(address: string, trials: number): boolean {
      assert.match(address, /^virtual:\d+$/);
      return trials < 2;
    }
  }
  const styles = {
    'the method': { kind: GivingUpNode },
    'the callback': {
      options: {
        callback: (event: string, _node: unknown, _peer: unknown, data: unknown) =>
          (event === 'node_reconnection_error'
            ? (data as { trials: number }).trials < 2
            : undefined) as never,
      },
    },
    'a listener': {},
  };
  for (const [style, options] of Object.entries(styles)) {
    test(`gives up when ${style} returns false`, async (t) => {
      const { a, runtime, lose, trialTimes, restart } = await startKeeping(t, options);
      if (style === 'a listener') a.on('node_reconnection_error', (_address, trials) => trials < 2);
      await lose();
      await runtime.advance(3_600_000);
      assert.equal(trialTimes.length, 2);
      assert.equal(a.of('node_reconnection_error').length, 2);
      await restart();
      await runtime.advance(3_600_000);
      assert.equal(a.allNodes.length, 0);
    });
  }

  test('goes on when the handler throws', async (t) => {
    const { a, runtime, lose, restart } = await startKeeping(t);
    a.on('node_reconnection_error', () => {
      throw new Error('a mistake');
    });
    await lose();
    await runtime.advance(5_000);
    assert.equal((a.of('node_error')[0]!.data as { event: string }).event, 'node_reconnection_error');
    await restart();
    await runtime.advance(10_000);
    assert.equal(a.allNodes.length, 1);
  });

  test('stays ended once the node was told to disconnect, before it is lost or after', async (t) => {
    for (const when of ['before', 'after'] as const) {
      const { a, b, connection, runtime, trialTimes, restart, lose } = await startKeeping(t);
      if (when === 'after') await lose();
      await runtime.settle(a.disconnectWithNode(connection));
      await runtime.settle(b.stop());
      await restart();
      await runtime.advance(3_600_000);
      assert.deepEqual([a.allNodes.length, trialTimes.length], [0, 0], when);
    }
  });

  test('stays ended where it is left at its connect event, be it the first or that of a new node', async (t) => {
    const { a, b, runtime, lose, restart, trialTimes } = await startKeeping(t);
    await lose();
    a.on('outbound_node_connected', (peer) => void peer.stop());
    await restart(Identity.generate());
    await runtime.advance(3_600_000);
    assert.equal(a.of('outbound_node_connected').length, 2);
    const left = await runtime.settle(a.connectWithNode(b.host, b.port, { reconnect: true }));
    await runtime.advance(3_600_000);
    assert.ok(!left.isOpen);
    assert.equal(a.of('outbound_node_connected').length, 3);
    assert.deepEqual(trialTimes, []);
  });

  test('stays ended once the node is stopped, with no event after', async (t) => {
    const { a, runtime, lose, restart } = await startKeeping(t);
    await lose();
    await runtime.advance(5_000);
    const { length } = a.events;
    await runtime.settle(a.stop());
    const again = await restart();
    await runtime.advance(3_600_000);
    assert.deepEqual(a.names.slice(length), ['node_request_to_stop']);
    assert.deepEqual(again.names, []);
  });

  test('is found by who connects with the same node meanwhile, and made only once', async (t) => {
    const { a, runtime, lose, restart } = await startKeeping(t);
    await lose();
    const again = await restart();
    const byHand = await runtime.settle(a.connectWithNode(again.host, again.port));
    await runtime.advance(60_000);
    assert.deepEqual([a.allNodes.length, again.allNodes.length], [1, 1]);
    assert.ok(a.allNodes[0] === byHand);
    assert.equal(a.of('outbound_node_connected').length, 2);
  });

  test('takes a new node at the old address, unless an id is pinned', async (t) => {
    const { a, runtime, lose, restart } = await startKeeping(t);
    await lose();
    const other = await restart(Identity.generate());
    await runtime.advance(10_000);
    assert.equal(a.allNodes[0]!.id, other.id);
    await lose(other);
    const third = await restart();
    await runtime.advance(10_000);
    assert.equal(a.allNodes[0]!.id, third.id, 'the new one is followed as well');
  });

  test('with a pinned id waits for that node', async (t) => {
    const { nodes, runtime, engine } = await startVirtualNodes(t, 2);
    const [a, b] = nodes;
    await runtime.settle(a.connectWithNode(b.host, b.port, { reconnect: true, id: b.id }));
    await runtime.settle(b.stop());
    const other = makeNode(t, { engine, port: b.port, options: { runtime } }, 2);
    await other.start();
    await runtime.advance(10_000);
    assert.equal(a.allNodes.length, 0);
    assert.deepEqual(new Set(other.names), new Set(['connection_error']));
    assert.ok(a.of('node_reconnection_error').length > 1);
  });
});

test('clients that a server ends at once come back ever more slowly', async (t) => {
  const { nodes, runtime, engine } = await startVirtualNodes(t, 1);
  const [server] = nodes;
  const clients = Array.from({ length: 5 }, (_, index) =>
    makeNode(t, { engine, options: { runtime } }, index + 1),
  );
  for (const client of clients) {
    await client.start();
    await runtime.settle(client.connectWithNode(server.host, server.port, { reconnect: true }));
  }
  server.on('inbound_node_connected', (peer) => void peer.stop());
  for (const peer of server.allNodes) void peer.stop();
  const arrivals = (): number => server.of('inbound_node_connected').length;
  const perMinute: number[] = [];
  for (let minute = 0; minute < 5; minute++) {
    const before = arrivals();
    await runtime.advance(60_000);
    perMinute.push(arrivals() - before);
  }
  assert.ok(perMinute[0]! <= 6 * clients.length, `${perMinute}`);
  assert.deepEqual(
    perMinute.slice(2),
    [5, 5, 5],
    'one a minute for each client, with the jitter at its most',
  );
});

test('without reconnect a lost connection stays lost; a first attempt that fails is not repeated', async (t) => {
  const { nodes, runtime } = await startVirtualNodes(t, 2);
  const [a, b] = nodes;
  await runtime.settle(a.connectWithNode(b.host, b.port));
  await runtime.settle(b.stop());
  await runtime.settle(a.event('outbound_node_disconnected'));
  const refused = a.connectWithNode(b.host, b.port, { reconnect: true });
  await assert.rejects(refused, withCode('ERR_CONNECTION_REFUSED'));
  await runtime.advance(3_600_000);
  assert.deepEqual(a.names, ['outbound_node_connected', 'outbound_node_disconnected', 'connection_error']);
});

test('over TLS: the peer restarts on the same port, and the connection is there again', async (t) => {
  const identity = Identity.generate();
  const options = { reconnect: { minDelayMs: 5, maxDelayMs: 20 } };
  const [a] = await startNodes(t, 1, { options });
  const first = makeNode(t, { options: { identity } }, 1);
  await first.start();
  const connection: NodeConnection = await a.connectWithNode(first.host, first.port, { reconnect: true });
  await connection.deliver('one');
  await first.stop();
  await a.event('node_reconnection_error', 2);
  const second = makeNode(t, { port: first.port, options: { identity } }, 1);
  await second.start();
  const { peer } = await a.event('outbound_node_connected', 2);
  await peer!.deliver('two');
  assert.deepEqual([first.messages, second.messages], [['one'], ['two']]);
  const [c] = await startNodes(t, 1);
  await connect(c, second);
});

test('over TLS: who leaves during a trial ends it, and no event follows', async (t) => {
  for (const how of ['disconnect', 'stop'] as const) {
    const options = { reconnect: { minDelayMs: 5, maxDelayMs: 20 }, limits: { dialTimeoutMs: 600_000 } };
    const [a] = await startNodes(t, 1, { options });
    const b = makeNode(t, {}, 1);
    await b.start();
    const connection = await a.connectWithNode(b.host, b.port, { reconnect: true });
    const silent = createServer();
    Fixture.of(t).defer(() => silent.close());
    await b.stop();
    await a.event('node_reconnection_error');
    silent.listen(b.port, b.host);
    const [socket] = (await once(silent, 'connection')) as [Socket];
    socket.resume().on('error', () => {});
    const { length } = a.events;
    if (how === 'disconnect') await a.disconnectWithNode(connection);
    else await a.stop();
    await once(socket, 'close');
    assert.deepEqual(a.names.slice(length), how === 'stop' ? ['node_request_to_stop'] : []);
  }
});
