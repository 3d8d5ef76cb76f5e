import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data, PeerStream } from '../../../src/index.ts';
import { ChaosProxy } from '../../support/chaos-proxy.ts';
import { withCode } from '../../support/errors.ts';
import { Fixture } from '../../support/fixture.ts';
import { startDurable } from '../../support/start-durable.ts';
import { startNodes } from '../../support/start-nodes.ts';
import { turns, until, within } from '../../support/turns.ts';

async function readAll(stream: PeerStream): Promise<number> {
  let length = 0;
  for await (const bytes of stream) length += bytes.length;
  return length;
}

suite('a connection with reconnect whose link is lost', () => {
  test('is gone and comes back as the same object, on both sides', async (t) => {
    const { a, b, connection, reverse, lose, comeBack } = await startDurable(t);
    connection.setInfo('colour', 'green');
    for (let round = 1; round <= 3; round++) {
      await lose();
      assert.deepEqual([a.allNodes, b.allNodes], [[], []]);
      assert.deepEqual([connection.closeReason?.code, reverse.closeReason?.code], ['lost', 'lost']);
      await comeBack();
      assert.ok(a.peer(b) === connection && b.peer(a) === reverse);
      assert.ok(a.nodesOutbound.has(connection) && b.nodesInbound.has(reverse));
      assert.deepEqual([connection.closeReason, reverse.closeReason], [undefined, undefined]);
      await connection.deliver(`there, round ${round}`);
      await reverse.deliver(`and back, round ${round}`);
    }
    const story = ['outbound_node_connected', 'outbound_node_disconnected'];
    assert.deepEqual(
      a.names.filter((name) => story.includes(name)),
      [...story, ...story, ...story, story[0]],
    );
    assert.ok(a.of('outbound_node_connected').every(({ peer }) => peer === connection));
    assert.equal(connection.getInfo('colour'), 'green');
  });

  test('takes messages meanwhile, in every way of sending; each arrives once, in order', async (t) => {
    const { a, b, connection, reverse, lose, comeBack } = await startDurable(t);
    connection.send('before');
    reverse.send('before');
    await Promise.all([a.message(), b.message()]);
    await lose();
    connection.send('by the connection');
    a.sendToNode(b.id, 'by its id');
    a.sendToNode(connection, 'by the node');
    assert.deepEqual(a.sendToNodes('to all'), { sent: 1, congested: [], failed: [] });
    assert.deepEqual(b.sendToNodes(new Float32Array([1, 2])), { sent: 1, congested: [], failed: [] });
    b.sendToNode(a.id, 'back', { compression: 'zlib' });
    await turns();
    assert.deepEqual([a.messages, b.messages], [['before'], ['before']]);
    await comeBack();
    connection.send('after');
    reverse.send('after');
    await Promise.all([a.message(4), b.message(6)]);
    const there = ['before', 'by the connection', 'by its id', 'by the node', 'to all', 'after'];
    assert.deepEqual(b.messages, there);
    assert.deepEqual(a.messages, ['before', new Float32Array([1, 2]), 'back', 'after']);
  });

  test('goes on with what was under way when it broke off', async (t) => {
    const { a, b, connection, reverse, lose, comeBack } = await startDurable(t);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    b.on('node_request', async (_peer, question) => {
      await gate;
      return { answer: question };
    });
    const streams: PeerStream[] = [];
    b.on('node_stream', (_peer, stream) => void streams.push(stream));
    const answer = connection.request('early');
    const stream = await connection.openStream('file');
    stream.write(new Uint8Array(100_000));
    await b.event('node_request');
    await lose();
    open();
    stream.write(new Uint8Array(100_000));
    stream.end();
    streams[0]!.write(new Uint8Array(7));
    const late = connection.request('late');
    const delivered = reverse.deliver('confirmed');
    const lateStream = connection.openStream('late');
    const ping = reverse.ping();
    await turns();
    streams[0]!.end();
    await comeBack();
    assert.deepEqual(await Promise.all([answer, late]), [{ answer: 'early' }, { answer: 'late' }]);
    await Promise.all([delivered, ping]);
    assert.deepEqual(a.messages, ['confirmed']);
    assert.deepEqual(await Promise.all([readAll(stream), readAll(streams[0]!)]), [7, 200_000]);
    (await lateStream).end();
    assert.equal(await readAll(streams[1]!), 0);
    const asked = b.of('node_request').map(({ data }) => data);
    assert.deepEqual(asked, ['early', 'late'], 'each question is asked once');
  });

  test('comes back even when a handler waits for the other side', async (t) => {
    const { a, b, connection, reverse, proxy } = await startDurable(t);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    b.on('node_request', async () => {
      await gate;
      return 'an answer';
    });
    const answers: Data[] = [];
    a.on('node_message', async (peer) => void answers.push(await peer.request('what do you mean?')));
    reverse.send('riddle');
    await b.event('node_request');
    proxy.cut();
    open();
    await until(() => answers.length === 1, 'the handler gets its answer');
    assert.deepEqual(answers, ['an answer']);
    assert.ok(a.peer(b) === connection);
  });

  test('tries again at once', async (t) => {
    const dialler = { reconnect: { minDelayMs: 3_600_000, maxDelayMs: 3_600_000 } };
    const { a, b, connection, proxy } = await startDurable(t, { dialler });
    proxy.cut();
    await a.event('outbound_node_connected', 2);
    await connection.deliver('here again');
    assert.deepEqual(b.messages, ['here again']);
  });

  test('keeps no more than limits.queueMaxBytes; what it took arrives, and nothing else', async (t) => {
    const limits = { queueMaxBytes: 100_000, queueHighWaterBytes: 50_000 };
    const { a, b, connection, reverse, lose, comeBack } = await startDurable(t, {
      dialler: { limits },
      listener: { limits },
    });
    await lose();
    const accepted: number[] = [];
    for (const one of [connection, reverse]) {
      const message = new Uint8Array(10_000);
      let count = 0;
      const fill = (): void => {
        for (; count < 100; count++) one.send(message.fill(count));
      };
      assert.throws(fill, withCode('ERR_QUEUE_FULL'));
      assert.ok(count >= 5 && count <= 10, `${count} of 10 kB within 100 kB`);
      assert.throws(() => one.mainNode.sendToNode(one.id, message), withCode('ERR_QUEUE_FULL'));
      await assert.rejects(one.request(message), withCode('ERR_QUEUE_FULL'));
      assert.equal(one.mainNode.sendToNodes(message).failed.length, 1);
      accepted.push(count);
    }
    let drainedCount = 0;
    const drained = [connection, reverse].map(async (one) => {
      await one.drained();
      drainedCount += 1;
    });
    await turns();
    assert.equal(drainedCount, 0, 'a full queue does not drain without a link');
    await comeBack();
    await within(Promise.all(drained), 'both queues drain');
    await connection.deliver('the end');
    await reverse.deliver('the end');
    for (const [node, count] of [
      [b, accepted[0]!],
      [a, accepted[1]!],
    ] as const) {
      const firsts = node.messages.map((data) => (data as Uint8Array)[0]);
      assert.deepEqual(firsts, [...Array(count).keys(), 't']);
    }
  });

  test('is left on purpose: nothing comes back, and the next connection is another one', async (t) => {
    const { a, b, connection, lose, proxy } = await startDurable(t);
    await lose();
    const { length } = a.of('node_reconnection_error');
    connection.send('never');
    await a.disconnectWithNode(connection);
    assert.throws(() => connection.send('hello?'), withCode('ERR_CONNECTION_CLOSED'));
    assert.throws(() => a.sendToNode(b.id, 'hello?'), withCode('ERR_NOT_CONNECTED'));
    assert.ok(a.of('node_reconnection_error').length <= length + 1);
    const [lost] = a.of('node_session_lost');
    assert.deepEqual(lost?.data, { count: 1, data: ['never'] }, 'nothing is dropped in silence');
    proxy.open();
    const next = await a.connectWithNode('127.0.0.1', proxy.port);
    assert.ok(next !== connection);
    await next.deliver('new');
    assert.deepEqual(b.messages, ['new']);
    proxy.cut();
    await a.event('outbound_node_disconnected', 2);
    assert.throws(() => next.send('hello?'), withCode('ERR_CONNECTION_CLOSED'));
  });

  test('goes on over a connection made by hand meanwhile, by either side', async (t) => {
    for (const who of ['dialler', 'listener'] as const) {
      const { a, b, connection, reverse, lose } = await startDurable(t);
      await lose();
      connection.send('one');
      reverse.send('one');
      if (who === 'dialler') assert.ok((await a.connectWithNode(b.host, b.port)) === connection);
      else assert.ok((await b.connectWithNode(a.host, a.port)) === reverse);
      await connection.deliver('two');
      await reverse.deliver('two');
      assert.deepEqual(
        [a.messages, b.messages],
        [
          ['one', 'two'],
          ['one', 'two'],
        ],
      );
      assert.ok(a.nodesOutbound.has(connection) && b.nodesInbound.has(reverse));
    }
  });

  test('does not keep a node from stopping', async (t) => {
    const { a, b, connection, lose } = await startDurable(t);
    await lose();
    connection.send('never');
    await within(a.stop(), 'a stops');
    await within(b.stop(), 'b stops');
    const lost = [a, b].map((node) => node.of('node_session_lost').map(({ data }) => data));
    assert.deepEqual(lost, [[{ count: 1, data: ['never'] }], []]);
  });
});

test('two nodes that keep connected with each other have one connection, which loses nothing', async (t) => {
  const rounds = 20;
  const [a, b] = await startNodes(t, 2, { options: { reconnect: { minDelayMs: 1, maxDelayMs: 10 } } });
  const proxies = [await ChaosProxy.start({ target: a }), await ChaosProxy.start({ target: b })] as const;
  for (const proxy of proxies) Fixture.of(t).defer(() => proxy.stop());
  const [connection, reverse] = await Promise.all([
    a.connectWithNode('127.0.0.1', proxies[1].port, { reconnect: true }),
    b.connectWithNode('127.0.0.1', proxies[0].port, { reconnect: true }),
  ]);
  for (let round = 0; round < rounds; round++) {
    for (const proxy of proxies) proxy.cut();
    connection.send(round);
    reverse.send(round);
    await Promise.all([a.message(round + 1), b.message(round + 1)]);
  }
  assert.deepEqual([a.messages, b.messages], [[...Array(rounds).keys()], [...Array(rounds).keys()]]);
  await until(() => a.allNodes[0] === connection && b.allNodes[0] === reverse, 'both are connected');
  assert.deepEqual([a.allNodes.length, b.allNodes.length], [1, 1]);
});
