import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data, NodeConnection, PeerStream, SlowNodeHandler } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { connect, startNodes, startPair, startVirtualNodes } from '../support/start-nodes.ts';
import { turns, within } from '../support/turns.ts';

/** What a node does to its peer in a handler, and awaits. */
const acts = {
  request: async (peer: NodeConnection) => assert.equal(await peer.request('history'), 'the history'),
  openStream: async (peer: NodeConnection) => (await peer.openStream('x')).end(),
  ping: async (peer: NodeConnection) => void (await peer.ping()),
};

/** Does the same in each of its handlers of connections, messages and requests. */
class Greeter extends RecordingNode {
  act: (peer: NodeConnection) => Promise<void> = async () => {};
  readonly done: string[] = [];

  override outboundNodeConnected(peer: NodeConnection): Promise<void> {
    return this.#do('connected', peer);
  }

  override inboundNodeConnected(peer: NodeConnection): Promise<void> {
    return this.#do('connected', peer);
  }

  override nodeMessage(peer: NodeConnection, data: Data): Promise<void> {
    return this.#do(`message ${data}`, peer);
  }

  override async nodeRequest(peer: NodeConnection, data: Data): Promise<Data> {
    if (data === 'go') await this.#do('request', peer);
    return `the ${data}`;
  }

  override nodeStream(_peer: NodeConnection, stream: PeerStream): void {
    stream.end();
  }

  async #do(when: string, peer: NodeConnection): Promise<void> {
    await this.act(peer);
    this.done.push(when);
  }
}

suite('two nodes that both await, at the same time,', () => {
  for (const [name, act] of Object.entries(acts)) {
    test(`${name} in their handlers wait for nobody`, async (t) => {
      const [a, b] = await startNodes(t, 2, { kind: Greeter });
      a.act = b.act = act;
      const connection = await connect(a, b);
      const reverse = b.peer(a);
      connection.send(1);
      reverse.send(2);
      const asked = Promise.all([connection.request('go'), reverse.request('go')]);
      await within(asked, 'both requests are answered');
      await within(Promise.all([connection.deliver(3), reverse.deliver(4)]), 'both messages are handled');
      assert.deepEqual(a.done.toSorted(), ['connected', 'message 2', 'message 4', 'request']);
      assert.deepEqual(b.done.toSorted(), ['connected', 'message 1', 'message 3', 'request']);
    });
  }
});

test('messages wait for the connect handler, and are handled one at a time and in order, all the same', async (t) => {
  const [a, b] = await startNodes(t, 2);
  const log: string[] = [];
  b.on('inbound_node_connected', async (peer) => {
    log.push('connected');
    log.push(`answer ${await peer.request('?')}`);
  });
  b.on('node_message', async (peer, data) => {
    log.push(`message ${data} begins`);
    await peer.request('?');
    log.push(`message ${data} ends`);
  });
  a.on('node_request', () => '!');
  const connection = await connect(a, b);
  for (const data of [1, 2]) connection.send(data);
  await connection.deliver(3);
  assert.deepEqual(log.slice(0, 2), ['connected', 'answer !']);
  assert.deepEqual(
    log.slice(2),
    [1, 2, 3].flatMap((data) => [`message ${data} begins`, `message ${data} ends`]),
  );
});

test('a handler that never ends holds up no request, and is named once with what waits behind it', async (t) => {
  const { nodes, runtime } = await startVirtualNodes(t, 2);
  const [a, b] = nodes;
  const connection = await runtime.settle(a.connectWithNode(b.host, b.port));
  b.on('node_message', () => new Promise(() => {}));
  b.on('node_request', () => 'answer');
  connection.send(1);
  connection.send('xx');
  assert.equal(await runtime.settle(connection.request('question')), 'answer');
  await runtime.advance(60_000);
  const slow = b.of('node_handler_slow').map(({ data }) => data as SlowNodeHandler);
  const expected = {
    event: 'node_message',
    runsMs: 10_000,
    waiting: 1,
    waitingBytes: 2 + 256,
    deliveries: 0,
  };
  assert.deepEqual(slow, [expected]);
  assert.equal(b.of('node_handler_slow')[0]!.peer, b.peer(a));
  assert.deepEqual(a.of('node_handler_slow'), []);
});

test('two nodes that await a delivery in their handlers are both told, and go on after the time limit', async (t) => {
  const { nodes, runtime } = await startVirtualNodes(t, 2);
  const [a, b] = nodes;
  const connection = await runtime.settle(a.connectWithNode(b.host, b.port));
  await runtime.advance(0);
  const failed: unknown[] = [];
  for (const node of [a, b]) {
    node.on('node_message', async (peer, data) => {
      if (data !== 'go') return;
      await peer.deliver('inside').catch((error: unknown) => failed.push(error));
    });
  }
  connection.send('go');
  b.peer(a).send('go');
  await runtime.advance(12_000);
  for (const node of [a, b]) {
    const slow = node.of('node_handler_slow').map(({ data }) => data as SlowNodeHandler);
    assert.deepEqual(
      slow.map(({ event, waiting, deliveries }) => [event, waiting, deliveries]),
      [['node_message', 1, 1]],
    );
  }
  await runtime.advance(30_000);
  assert.equal(failed.length, 2);
  for (const error of failed) assert.ok(withCode('ERR_TIMEOUT')(error as Error));
  await runtime.settle(connection.deliver('and on'));
});

test('64 requests of a peer are handled at once, and the others after them', async (t) => {
  const { b, connection } = await startPair(t, { options: { callback: () => {} } });
  let running = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  b.on('node_request', async (_peer, data) => {
    running += 1;
    most = Math.max(most, running);
    await gate.promise;
    running -= 1;
    return data;
  });
  const answers = Promise.all(Array.from({ length: 200 }, (_, index) => connection.request(index)));
  await connection.ping();
  await turns();
  assert.equal(most, 64);
  gate.resolve();
  assert.deepEqual(
    await answers,
    Array.from({ length: 200 }, (_, index) => index),
  );
  assert.equal(most, 64);
});
