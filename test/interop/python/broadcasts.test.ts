/** Python nodes take part in broadcasts through a node of ours. */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { BroadcastDetails, Data, NodeOptions } from '../../../src/index.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { connect, startNodes } from '../../support/start-nodes.ts';
import { connectMixed, startOurs } from './nodes.ts';
import { PythonNode } from './python-node.ts';

type Heard = readonly [origin: string, data: Data, details: BroadcastDetails];

function listen(node: RecordingNode): Heard[] {
  const heard: Heard[] = [];
  node.on('node_broadcast', (...broadcast) => void heard.push(broadcast));
  return heard;
}

/** A node of ours with a Python peer and one more neighbour, and the Python node. */
async function open(t: TestContext, options: NodeOptions = { p2pnetwork: { broadcasts: true } }) {
  const python = await PythonNode.start(t);
  if (python === undefined) return undefined;
  const gateway = await startOurs(t, options);
  const [far] = await startNodes(t, 1);
  await connectMixed(gateway, python, 'they dial');
  await connect(far, gateway);
  return { python, gateway, far };
}

const received = (python: PythonNode): unknown[] =>
  python.of('node_message').map(({ json }) => JSON.parse(json!));

suite('broadcasts and Python nodes', () => {
  test('a Python node receives those of other nodes and of its neighbour, as messages', async (t) => {
    const network = await open(t);
    if (network === undefined) return;
    const { python, gateway, far } = network;
    gateway.subscribe('chat');
    await gateway.subscribe('secret', { topicKey: 'a key' });
    await far.broadcast('sealed', { topic: 'secret', topicKey: 'a key' });
    far.broadcast('of a topic that the neighbour does not have', { topic: 'chess' });
    far.broadcast({ weights: Float32Array.of(1) });
    const { id } = far.broadcast({ text: 'hello' }, { topic: 'chat' });
    await gateway.event('node_broadcast', 3);
    gateway.broadcast('sealed too', { topic: 'secret' });
    const own = gateway.broadcast('from next door');
    await python.until('node_message', 2);
    const [first, second] = received(python) as { sentAt: number }[];
    assert.ok(Math.abs(Date.now() - first!.sentAt) < 60_000);
    assert.deepEqual(
      [first, second].map((message) => ({ ...message, sentAt: 0 })),
      [
        { broadcast: { text: 'hello' }, origin: far.id, topic: 'chat', id, sentAt: 0 },
        { broadcast: 'from next door', origin: gateway.id, topic: '', id: own.id, sentAt: 0 },
      ],
    );
  });

  test('what a Python node sends for all reaches all, in the name of its neighbour', async (t) => {
    const network = await open(t);
    const other = await PythonNode.start(t, { id: 'other' });
    if (network === undefined || other === undefined) return;
    const { python, gateway, far } = network;
    await other.connect(gateway.port);
    await gateway.event('inbound_node_connected', 3);
    const [near, heard] = [listen(gateway), listen(far)];
    gateway.subscribe('chat');
    far.subscribe('chat');
    await python.send({ json: { broadcast: [1, 'two'], topic: 'chat' } });
    await far.event('node_broadcast');
    const [origin, data, { topic, id, hops }] = heard[0]!;
    assert.deepEqual([origin, data, topic, hops], [gateway.id, [1, 'two'], 'chat', 1]);
    assert.deepEqual(near[0]!.slice(0, 2), [gateway.id, [1, 'two']]);
    assert.deepEqual([near[0]![2].id, near[0]![2].via.id], [id, python.id]);
    await other.until('node_message');
    const [{ sentAt: _, ...message }] = received(other) as [{ sentAt: number }];
    assert.deepEqual(message, { broadcast: [1, 'two'], origin: gateway.id, topic: 'chat', id });
    assert.deepEqual(python.of('node_message'), [], 'it does not come back');
    assert.deepEqual(gateway.messages, [], 'nor is it a message');
  });

  test('what cannot be broadcast is rejected, and other messages stay messages', async (t) => {
    const network = await open(t);
    if (network === undefined) return;
    const { python, gateway, far } = network;
    const heard = listen(far);
    await gateway.subscribe('secret', { topicKey: 'a key' });
    await python.send({ json: { broadcast: 'forged', topic: 'secret' } });
    await python.send({ json: { broadcast: 'x', topic: 'x'.repeat(300) } });
    const messages = [{ broadcast: 'x', origin: 'me' }, { broadcast: 'x', topic: 7 }, { text: 'x' }];
    for (const json of messages) await python.send({ json });
    await python.send({ json: { broadcast: 'last' } });
    await far.event('node_broadcast');
    assert.deepEqual(
      heard.map(([, data]) => data),
      ['last'],
    );
    assert.deepEqual(gateway.messages, messages);
    assert.equal(gateway.messageCountRerr, 2);
  });

  test('Python nodes take no part unless they are let', async (t) => {
    const network = await open(t, {});
    if (network === undefined) return;
    const { python, gateway, far } = network;
    const heard = listen(far);
    await python.send({ json: { broadcast: 'x' } });
    assert.deepEqual(await gateway.message(1), { broadcast: 'x' });
    far.broadcast('to all');
    await gateway.event('node_broadcast');
    gateway.sendToNodes('after it', { exclude: [far.id] });
    await python.until('node_message');
    assert.deepEqual(
      python.of('node_message').map(({ type }) => type),
      ['str'],
    );
    assert.deepEqual(heard, []);
  });
});
