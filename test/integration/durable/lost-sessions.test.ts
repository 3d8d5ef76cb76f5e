import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { LostSession } from '../../../src/api/events.ts';
import { type Data, Identity, type NodeConnection, type NodeOptions } from '../../../src/index.ts';
import { withCode } from '../../support/errors.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { startDurable } from '../../support/start-durable.ts';
import { makeNode } from '../../support/start-nodes.ts';

const confirmed = 'this has arrived';

/** A pair that has lost each other, with everything under way that can be. */
async function startBroken(
  t: TestContext,
  options: { dialler?: NodeOptions; listener?: NodeOptions; from?: 'dialler' | 'listener' } = {},
) {
  const pair = await startDurable(t, options);
  for (const node of [pair.a, pair.b]) node.on('node_stream', () => {});
  const connection = options.from === 'listener' ? pair.reverse : pair.connection;
  await connection.deliver(confirmed);
  const stream = await connection.openStream();
  await pair.lose();
  connection.send('message');
  const pending = [
    connection.deliver('delivery'),
    connection.request({ question: true }),
    connection.openStream('header'),
    stream.read(),
  ];
  connection.send(Float32Array.of(1, 2), { compression: 'zlib' });
  connection.send('x'.repeat(100_000));
  // They end before somebody looks at them.
  for (const promise of pending) promise.catch(() => {});
  return { ...pair, pending };
}

const unconfirmed: Data[] = [
  'message',
  'delivery',
  { question: true },
  Float32Array.of(1, 2),
  'x'.repeat(100_000),
];

/** The session is over on this side: everything that was under way is told. */
async function assertLost(
  node: RecordingNode,
  connection: NodeConnection,
  { data, pending }: { data: readonly Data[]; pending: readonly Promise<unknown>[] },
): Promise<void> {
  const event = await node.event('node_session_lost');
  assert.ok(event.peer === connection);
  const lost = event.data as LostSession;
  assert.deepEqual(lost.data, data, 'what has been confirmed is not among it');
  assert.equal(lost.count, lost.data.length);
  for (const promise of pending) await assert.rejects(promise, withCode('ERR_CONNECTION_CLOSED'));
  assert.ok(!connection.isOpen);
  assert.throws(() => connection.send('hello?'), withCode('ERR_CONNECTION_CLOSED'));
}

/** The two talk again, over connections that are not the old ones. */
async function assertNewConnection(
  [a, b]: readonly [RecordingNode, RecordingNode],
  old: readonly NodeConnection[],
): Promise<void> {
  const { peer } = (await a.event('outbound_node_connected', 2)) as { peer: NodeConnection };
  await peer.deliver('a new beginning');
  await b.peer(a).deliver('for both');
  assert.ok(!old.includes(peer) && !old.includes(b.peer(a)));
  assert.equal(b.messages.at(-1), 'a new beginning');
  assert.equal(a.messages.at(-1), 'for both');
}

suite('a session that cannot go on is told of, with what has no acknowledgement', () => {
  test('when the node that was dialled is restarted', async (t) => {
    const { a, connection, reverse, proxy, restart, pending } = await startBroken(t);
    const again = await restart();
    proxy.open();
    await assertLost(a, connection, { data: unconfirmed, pending });
    await assertNewConnection([a, again], [connection, reverse]);
    assert.ok(!again.messages.includes('message'));
    const told = a.events.filter(({ peer }) => peer === connection).map(({ name }) => name);
    assert.deepEqual(told, ['outbound_node_connected', 'outbound_node_disconnected', 'node_session_lost']);
  });

  test('after which the new connection is kept, whatever is done to the old one', async (t) => {
    const { a, connection, reverse, proxy, restart, pending } = await startBroken(t);
    const again = await restart();
    proxy.open();
    await assertLost(a, connection, { data: unconfirmed, pending });
    await assertNewConnection([a, again], [connection, reverse]);
    const fresh = a.peer(again);
    await a.disconnectWithNode(connection);
    proxy.cut();
    await a.event('outbound_node_connected', 3);
    assert.ok(a.peer(again) === fresh, 'and goes on');
  });

  test('when the reconnector gives up', async (t) => {
    const reconnect = { minDelayMs: 1, maxDelayMs: 5, maxTrials: 3 };
    const { a, connection, pending } = await startBroken(t, { dialler: { reconnect } });
    await assertLost(a, connection, { data: unconfirmed, pending });
    assert.equal(a.of('node_reconnection_error').length, 3);
  });

  test('when the user gives up', async (t) => {
    const { a, connection, pending } = await startBroken(t);
    a.on('node_reconnection_error', () => false);
    await assertLost(a, connection, { data: unconfirmed, pending });
  });

  test('when the one that dialled stays away for limits.sessionTimeoutMs: on both sides', async (t) => {
    const limits = { sessionTimeoutMs: 100, pingAfterMs: 100 };
    const { a, b, connection, reverse, proxy, pending } = await startBroken(t, {
      listener: { limits },
      from: 'listener',
    });
    connection.send('from the other side');
    await assertLost(b, reverse, { data: unconfirmed, pending });
    assert.deepEqual(a.of('node_session_lost'), [], 'the dialler goes on trying');
    proxy.open();
    await assertLost(a, connection, { data: ['from the other side'], pending: [] });
    await assertNewConnection([a, b], [connection, reverse]);
  });

  test('when the one that dialled is restarted', async (t) => {
    const identity = Identity.generate();
    const scene = await startBroken(t, { dialler: { identity }, from: 'listener' });
    const { a, b, connection, reverse, proxy, pending } = scene;
    await a.stop();
    proxy.open();
    const again = makeNode(t, { options: { identity } }, 2);
    await again.start();
    await again.connectWithNode('127.0.0.1', proxy.port);
    await assertLost(b, reverse, { data: unconfirmed, pending });
    await b.event('inbound_node_connected', 2);
    assert.ok(![connection, reverse].includes(b.peer(again)));
    await b.peer(again).deliver('hello');
    assert.deepEqual(again.messages, ['hello']);
  });

  test('but for what has failed meanwhile: who asked knows already', async (t) => {
    const { a, connection, proxy, lose, restart } = await startDurable(t);
    await lose();
    const controller = new AbortController();
    const { signal } = controller;
    const failed = [
      assert.rejects(connection.deliver('late', { timeoutMs: 20 }), withCode('ERR_TIMEOUT')),
      assert.rejects(connection.request('aborted', { signal }), withCode('ERR_ABORTED')),
    ];
    controller.abort();
    await Promise.all(failed);
    connection.send('message');
    await restart();
    proxy.open();
    await assertLost(a, connection, { data: ['message'], pending: [] });
  });

  test('also when that is nothing, unless it ended by a goodbye', async (t) => {
    const { a, connection, reverse, proxy, lose, restart } = await startDurable(t);
    await lose();
    const again = await restart();
    proxy.open();
    await assertLost(a, connection, { data: [], pending: [] });
    await assertNewConnection([a, again], [connection, reverse]);
    await again.stop();
    await a.event('outbound_node_disconnected', 2);
    assert.equal(a.of('node_session_lost').length, 1);
  });
});
