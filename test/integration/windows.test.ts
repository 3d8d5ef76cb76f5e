import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Data, NodeConnection } from '../../src/index.ts';
import { FrameKind } from '../../src/wire/frames/frame.ts';
import { creditBody, Lane } from '../../src/wire/frames/windows.ts';
import { engines } from '../support/engines.ts';
import { HandMadePeer } from '../support/hand-made-peer.ts';
import { heldBytes } from '../support/memory.ts';
import type { RecordingNode } from '../support/recording-node.ts';
import { startDurable } from '../support/start-durable.ts';
import { startPair, startVirtualNodes } from '../support/start-nodes.ts';
import { turn, within } from '../support/turns.ts';
import { rawFrame } from './attacks/support/raw-peer.ts';

const mebibyte = 1024 * 1024;
const bytes = 200_000;
const count = 500;

/** Sends 100 MB to a node whose handler asks the sender something about each message. */
async function askBackAboutAll(
  from: RecordingNode,
  to: RecordingNode,
  connection: NodeConnection,
): Promise<void> {
  const asked: Data[] = [];
  const answers: Data[] = [];
  from.on('node_request', (_peer, data) => {
    asked.push(data);
    return `answer ${data}`;
  });
  const all = Promise.withResolvers<void>();
  to.on('node_message', async (peer, data) => {
    const index = (data as Uint8Array)[0]! + 256 * (data as Uint8Array)[1]!;
    await turn();
    answers.push(await peer.request(index));
    if (answers.length === count) all.resolve();
  });
  const before = heldBytes();
  let most = 0;
  for (let index = 0; index < count; index++) {
    const data = new Uint8Array(bytes);
    data.set([index % 256, Math.floor(index / 256)]);
    if (!connection.send(data)) await within(connection.drained(), 'the sender may go on');
    // The nodes of tests remember what has come.
    to.forgetMessages();
    if (index % 100 === 99) most = Math.max(most, heldBytes() - before);
  }
  await within(all.promise, () => `${answers.length} of ${count} are answered`);
  const expected = Array.from({ length: count }, (_, index) => index);
  assert.deepEqual(asked, expected, 'in their order, none twice');
  assert.deepEqual(
    answers,
    expected.map((index) => `answer ${index}`),
  );
  assert.ok(most < 48 * mebibyte, `${most} bytes are held`);
}

suite('100 MB of messages before a slow handler that asks back', () => {
  for (const engine of engines) {
    test(`arrive over ${engine.name}`, async (t) => {
      const { a, b, connection } = await startPair(t, { engine });
      await askBackAboutAll(a, b, connection);
    });
  }

  test('arrive over a connection with reconnect', async (t) => {
    const { a, b, connection } = await startDurable(t);
    await askBackAboutAll(a, b, connection);
  });

  test('arrive in both directions at once', async (t) => {
    const { a, b, connection, reverse } = await startPair(t);
    await Promise.all([askBackAboutAll(a, b, connection), askBackAboutAll(b, a, reverse)]);
  });
});

suite('a session whose window is half used up', () => {
  /** Messages that wait for a handler, more than the window holds, and what lets it go on. */
  async function halfUsed(t: TestContext) {
    const pair = await startDurable(t, {
      listener: { limits: { unhandledMaxBytes: 100_000 } },
      dialler: { limits: { unhandledMaxBytes: 100_000 } },
    });
    const gate = Promise.withResolvers<void>();
    const handled: number[] = [];
    pair.b.on('node_message', async (_peer, data) => {
      const index = (data as Uint8Array)[0]!;
      if (index >= 12) await gate.promise;
      handled.push(index);
    });
    for (let index = 0; index < 60; index++) pair.connection.send(new Uint8Array(5_000).fill(index));
    await pair.b.message(13);
    // The other side tells of the break once its handler is done.
    const after = async (name: 'connected' | 'disconnected', change: () => void): Promise<void> => {
      const event = `outbound_node_${name}` as const;
      const told = pair.a.event(event, pair.a.of(event).length + 1);
      change();
      await told;
    };
    const lose = (): Promise<void> => after('disconnected', () => pair.proxy.shut());
    const comeBack = (): Promise<void> => after('connected', () => pair.proxy.open());
    return { ...pair, gate, handled, lose, comeBack };
  }

  const inOrder = Array.from({ length: 60 }, (_, index) => index);

  for (const isHandledMeanwhile of [false, true]) {
    const when = isHandledMeanwhile ? 'while the link is gone' : 'after it is back';
    test(`loses and doubles nothing over a break, where handlers go on ${when}`, async (t) => {
      const { connection, gate, handled, lose, comeBack } = await halfUsed(t);
      await lose();
      if (isHandledMeanwhile) gate.resolve();
      await comeBack();
      gate.resolve();
      await within(connection.deliver(new Uint8Array(5_000).fill(60)), 'all are handled');
      assert.deepEqual(handled, [...inOrder, 60]);
      await within(connection.drained(), 'nothing waits');
    });
  }

  test('goes on over many breaks', async (t) => {
    const { connection, gate, handled, lose, comeBack } = await halfUsed(t);
    gate.resolve();
    for (let round = 0; round < 5; round++) {
      await lose();
      for (let index = 0; index < 30; index++) connection.send(new Uint8Array(5_000).fill(100 + round));
      await comeBack();
      await within(connection.deliver(new Uint8Array(5_000).fill(200 + round)), 'all are handled');
    }
    const expected = [...inOrder];
    for (let round = 0; round < 5; round++) expected.push(...Array(30).fill(100 + round), 200 + round);
    assert.deepEqual(handled, expected);
  });

  test('that is lost tells of what waited for the window too', async (t) => {
    const { a, gate, handled, lose, connection } = await halfUsed(t);
    await lose();
    void connection.request('and a request').catch(() => {});
    gate.resolve();
    await connection.stop();
    const { data } = await a.event('node_session_lost');
    const { data: lost } = data as { data: Data[] };
    const firsts = lost.filter((one) => one instanceof Uint8Array).map((one) => one[0]!);
    assert.deepEqual(firsts, inOrder.slice(-firsts.length), 'the last ones, in their order');
    assert.ok(firsts.length >= 60 - 13 - 20, `${firsts.length} are told of`);
    assert.ok(lost.includes('and a request'));
    assert.ok(handled.length + firsts.length >= 60);
  });
});

test('a goodbye follows the messages that waited for the window', async (t) => {
  const { b, connection } = await startPair(t, { options: { limits: { unhandledMaxBytes: 10_000 } } });
  b.on('node_message', () => turn());
  for (let index = 0; index < 100; index++) connection.send(new Uint8Array(5_000).fill(index));
  await connection.stop();
  await b.event('inbound_node_disconnected');
  assert.deepEqual(
    b.messages.map((data) => (data as Uint8Array)[0]),
    Array.from({ length: 100 }, (_, index) => index),
  );
});

test('two nodes that stop at once wait for neither their windows nor each other', async (t) => {
  const { a, b, connection, reverse } = await startPair(t, {
    options: { limits: { unhandledMaxBytes: 10_000 } },
  });
  for (const node of [a, b]) node.on('node_message', () => new Promise(() => {}));
  for (const one of [connection, reverse])
    for (let index = 0; index < 50; index++) one.send(new Uint8Array(5_000));
  await Promise.all([a.message(), b.message()]);
  const beganAt = performance.now();
  await Promise.all([a.stop(), b.stop()]);
  assert.ok(performance.now() - beganAt < 4_000, 'less than a goodbye may take');
});

test('a peer that is granted more goes on, and one that is not keeps what it has to say', async (t) => {
  const { nodes, runtime, engine } = await startVirtualNodes(t, 1);
  const [node] = nodes;
  const peer = await runtime.settle(
    HandMadePeer.dial(t, node, {
      engine,
      runtime,
      hello: { windows: { messages: 10_000, requests: 1, protocols: 1 } },
    }),
  );
  await runtime.advance(0);
  const connection = node.allNodes[0]!;
  const messages = (): number => peer.kinds.filter((kind) => kind === FrameKind.message).length;
  for (let index = 0; index < 20; index++) connection.send(new Uint8Array(744));
  await runtime.advance(0);
  assert.equal(messages(), 10);
  for (const [position, expected] of [
    [9_000, 10],
    [12_000, 12],
    [12_000, 12],
    [100_000, 20],
  ] as const) {
    peer.link.send(rawFrame(FrameKind.credit, creditBody(Lane.messages, position)));
    await runtime.advance(0);
    assert.equal(messages(), expected);
  }
});
