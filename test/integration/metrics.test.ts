import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type ConnectionMetrics, type Data, defaultLimits, defineMessage } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { startDurable } from '../support/start-durable.ts';
import { makeNode, startNodes, startPair, startVirtualNodes } from '../support/start-nodes.ts';

const nothing = { completed: 0, failed: {} };

const number = defineMessage('number', {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof value === 'number' ? { value } : { issues: [{ message: 'is not a number' }] },
  },
});

suite('the metrics of a node', () => {
  test('are all 0 before anything happened', (t) => {
    const { memory: held, ...counts } = makeNode(t).metrics();
    assert.deepEqual(counts, {
      messages: { sent: 0, received: 0, rejected: 0, rejectedBy: {} },
      broadcastsDropped: 0,
      broadcastCopies: 0,
      sentBytes: 0,
      receivedBytes: 0,
      queuedBytes: 0,
      unhandledMessages: 0,
      connections: { inbound: 0, outbound: 0, suspended: 0 },
      handshakes: { inbound: nothing, outbound: nothing },
    });
    assert.deepEqual(held, { heldBytes: 0, maxBytes: defaultLimits.memoryBudgetBytes });
  });

  test('count messages, bytes and handshakes of both sides alike', async (t) => {
    const { a, b, connection } = await startPair(t);
    await connection.deliver('x'.repeat(1_000));
    const [ofA, ofB] = [a.metrics(), b.metrics()];
    assert.deepEqual(ofA.messages, { sent: 1, received: 0, rejected: 0, rejectedBy: {} });
    assert.deepEqual(ofB.messages, { sent: 0, received: 1, rejected: 0, rejectedBy: {} });
    assert.equal(ofB.receivedBytes, ofA.sentBytes);
    assert.equal(ofA.receivedBytes, ofB.sentBytes);
    assert.ok(ofA.sentBytes > 1_000 && ofA.sentBytes < 1_200, `${ofA.sentBytes} bytes`);
    assert.deepEqual(ofA.connections, { inbound: 0, outbound: 1, suspended: 0 });
    assert.deepEqual(ofA.handshakes, { inbound: nothing, outbound: { completed: 1, failed: {} } });
    assert.deepEqual(ofB.handshakes, { inbound: { completed: 1, failed: {} }, outbound: nothing });
  });

  test('keep the bytes of connections that have ended', async (t) => {
    const { a, b, connection } = await startPair(t);
    await connection.deliver('x'.repeat(1_000));
    const { sentBytes } = connection.metrics();
    await connection.stop();
    await b.event('inbound_node_disconnected');
    assert.ok(a.metrics().sentBytes >= sentBytes);
    assert.equal(b.metrics().receivedBytes, a.metrics().sentBytes);
    assert.deepEqual(a.metrics().connections, { inbound: 0, outbound: 0, suspended: 0 });
  });

  test('count rejected messages by the code of their error', async (t) => {
    const { b, connection } = await startPair(t);
    b.handle(number, () => {});
    connection.send({ kind: 'number', data: 'three' });
    connection.send({ kind: 'number', data: 'four' });
    await b.event('node_message_rejected', 2);
    const { rejected, rejectedBy } = b.metrics().messages;
    assert.deepEqual({ rejected, rejectedBy }, { rejected: 2, rejectedBy: { ERR_SCHEMA: 2 } });
    assert.equal(b.messageCountRerr, 2);
  });

  test('count failed attempts to connect by the code of their error, on both sides', async (t) => {
    const [a, b] = await startNodes(t, 2, { options: (index) => ({ network: `network ${index}` }) });
    const [gone] = await startNodes(t, 1);
    await gone.stop();
    const mismatch = a.connectWithNode(b.host, b.port);
    await assert.rejects(mismatch, withCode('ERR_NETWORK_MISMATCH', /network/));
    await assert.rejects(a.connectWithNode(gone.host, gone.port), withCode('ERR_CONNECTION_REFUSED', /./));
    await b.event('connection_error');
    assert.deepEqual(a.metrics().handshakes.outbound, {
      completed: 0,
      failed: { ERR_NETWORK_MISMATCH: 1, ERR_CONNECTION_REFUSED: 1 },
    });
    assert.deepEqual(b.metrics().handshakes.inbound, { completed: 0, failed: { ERR_NETWORK_MISMATCH: 1 } });
  });

  test('count what functions of the user throw as a failed handler', async (t) => {
    const [a, b] = await startNodes(t, 2);
    Object.defineProperty(a, 'createNewConnection', {
      value() {
        throw new Error('no object today');
      },
    });
    await assert.rejects(a.connectWithNode(b.host, b.port), /no object today/);
    assert.deepEqual(a.metrics().handshakes.outbound, { completed: 0, failed: { ERR_HANDLER: 1 } });
  });

  test('count a suspended connection apart', async (t) => {
    const { a, b, lose, comeBack } = await startDurable(t);
    await lose();
    assert.deepEqual(a.metrics().connections, { inbound: 0, outbound: 0, suspended: 1 });
    assert.deepEqual(b.metrics().connections, { inbound: 0, outbound: 0, suspended: 1 });
    await comeBack();
    assert.deepEqual(b.metrics().connections, { inbound: 1, outbound: 0, suspended: 0 });
    assert.equal(b.metrics().handshakes.inbound.completed, 2, 'the session was resumed');
  });
});

suite('the metrics of a connection', () => {
  test('show what waits: bytes at the sender, messages at the receiver', async (t) => {
    const { promise: handled, resolve: letGo } = Promise.withResolvers<void>();
    const { a, b, connection, reverse } = await startPair(t, {
      options: { limits: { unhandledMaxBytes: 64 * 1024 } },
    });
    b.on('node_message', () => handled);
    const delivered = Array.from({ length: 200 }, (_, index) =>
      connection.deliver('x'.repeat(1_000 + index)),
    );
    await b.message();
    await connection.ping();
    const sender = connection.metrics();
    const receiver = reverse.metrics();
    assert.ok(sender.queuedBytes > 100_000, `${sender.queuedBytes} bytes wait behind the window`);
    assert.ok(sender.heldBytes >= sender.queuedBytes);
    assert.ok(receiver.unhandledMessages > 30, `${receiver.unhandledMessages} messages wait`);
    assert.ok(receiver.heldBytes > 30_000);
    assert.equal(a.metrics().queuedBytes, sender.queuedBytes);
    assert.equal(b.metrics().unhandledMessages, receiver.unhandledMessages);
    assert.equal(b.metrics().memory.heldBytes, receiver.heldBytes);
    letGo();
    await Promise.all(delivered);
    assert.deepEqual(waitingOf(connection.metrics()), { queuedBytes: 0, unhandledMessages: 0 });
    assert.deepEqual(waitingOf(reverse.metrics()), { queuedBytes: 0, unhandledMessages: 0 });
  });

  test('have the round trip of the last ping', async (t) => {
    const { connection } = await startPair(t);
    assert.equal(connection.metrics().roundTripMs, undefined);
    const roundTripMs = await connection.ping();
    assert.equal(connection.metrics().roundTripMs, roundTripMs);
  });

  test('have a round trip after silence, which the node measures by itself', async (t) => {
    const { nodes, runtime } = await startVirtualNodes(t, 2);
    const [a, b] = nodes;
    const connection = await runtime.settle(a.connectWithNode(b.host, b.port));
    await runtime.advance(10_000);
    assert.equal(connection.metrics().roundTripMs, undefined);
    await runtime.advance(10_000);
    assert.equal(connection.metrics().roundTripMs, 0);
  });

  test('count copies of broadcasts, which end once the tree has formed', async (t) => {
    const { nodes, runtime } = await startVirtualNodes(t, 3);
    const [a, b, c] = nodes;
    for (const [one, other] of [
      [a, b],
      [b, c],
      [c, a],
    ] as const) {
      await runtime.settle(one.connectWithNode(other.host, other.port));
    }
    const copies = (): number[] => nodes.map((node) => node.metrics().broadcastCopies);
    a.broadcast('first');
    await runtime.advance(5_000);
    const ofFlood = copies();
    assert.ok(
      ofFlood.some((count) => count > 0),
      `${ofFlood}`,
    );
    a.broadcast('second');
    await runtime.advance(5_000);
    assert.deepEqual(copies(), ofFlood);
  });

  test('are read though a class of the user has a member of that name', async (t) => {
    const { a, b } = await startPair(t);
    Object.defineProperty(b.allNodes[0], 'metrics', { value: 'mine' });
    a.allNodes[0]!.send('hello');
    await b.message();
    assert.ok(b.metrics().receivedBytes > 0);
  });
});

function waitingOf({ queuedBytes, unhandledMessages }: ConnectionMetrics): Data {
  return { queuedBytes, unhandledMessages };
}
