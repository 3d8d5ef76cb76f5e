import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Compression, type Data, type NodeConnection, type NodeOptions } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import type { Engine } from '../support/engines.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { samples } from '../support/samples.ts';
import { turns } from '../support/turns.ts';
import { connect, startNodes, startPair } from '../support/start-nodes.ts';

type ContractTest = (t: TestContext, engine: Engine) => Promise<void>;

const mebibyte = 1024 * 1024;

/** Answers a request with what it was asked. */
class EchoNode extends RecordingNode {
  override nodeRequest(_peer: NodeConnection, data: Data): Data {
    return data;
  }
}

/** What two nodes have of each other, whatever carries it. */
export const nodeContract: Readonly<Record<string, ContractTest>> = {
  async 'all events of a conversation, in their order'(t, engine) {
    const { a, b, connection } = await startPair(t, { engine });
    assert.deepEqual([connection.id, connection.direction, connection.isOpen], [b.id, 'outbound', true]);
    assert.deepEqual([connection.host, connection.port, connection.name], [b.host, b.port, 'b']);
    const reverse = b.peer(a);
    assert.deepEqual([reverse.id, reverse.direction, reverse.port], [a.id, 'inbound', a.port]);
    a.sendToNodes('from a');
    await b.message();
    b.sendToNodes('from b');
    await a.message();
    await a.disconnectWithNode(connection);
    await b.event('inbound_node_disconnected');
    await a.stop();
    assert.deepEqual(a.names, [
      'outbound_node_connected',
      'node_message',
      'node_disconnect_with_outbound_node',
      'outbound_node_disconnected',
      'node_request_to_stop',
    ]);
    assert.deepEqual(b.names, ['inbound_node_connected', 'node_message', 'inbound_node_disconnected']);
    for (const { peer } of a.events.slice(0, 4)) assert.equal(peer, connection);
    for (const { peer } of b.events) assert.equal(peer, reverse);
  },

  async 'every kind of data comes back equal and of the same type'(t, engine) {
    const { a, b, connection } = await startPair(t, { engine, kind: EchoNode });
    const all = Object.values(samples);
    for (const data of all) connection.send(data);
    await b.message(all.length);
    assert.deepStrictEqual(b.messages, all);
    for (const data of all) assert.deepStrictEqual(await connection.request(data), data);
    for (const data of all) await b.peer(a).deliver(data);
    assert.deepStrictEqual(a.messages, all);
  },

  async 'every compression is undone on the other side'(t, engine) {
    const { b, connection } = await startPair(t, { engine });
    const compressions: Compression[] = ['none', 'zlib', 'brotli', 'zstd'];
    const contents: Data[] = [
      'again and again '.repeat(1_000),
      { round: 1, weights: new Float32Array(1_000) },
      new Uint8Array(300_000),
      '',
    ];
    const expected: Data[] = [];
    for (const compression of compressions) {
      for (const data of contents) {
        connection.send(data, { compression });
        expected.push(data);
      }
    }
    await b.message(expected.length);
    assert.deepStrictEqual(b.messages, expected);
  },

  async 'requests, deliveries and pings are answered in both directions'(t, engine) {
    const { a, b, connection, reverse } = await startPair(t, { engine, kind: EchoNode });
    for (const side of [connection, reverse]) {
      assert.equal(await side.request('question'), 'question');
      await side.deliver('delivery');
      const roundTrip = await side.ping();
      assert.ok(roundTrip >= 0 && roundTrip < 10_000, `a round trip of ${roundTrip} ms`);
    }
    assert.deepEqual([a.messages, b.messages], [['delivery'], ['delivery']]);
  },

  async '10,000 messages arrive in order'(t, engine) {
    const { b, connection } = await startPair(t, { engine });
    const count = 10_000;
    for (let index = 0; index < count; index++) {
      if (!connection.send({ index })) await connection.drained();
    }
    await b.message(count);
    assert.deepEqual(
      b.messages,
      Array.from({ length: count }, (_, index) => ({ index })),
    );
  },

  async 'a message may be as large as the limit, and no larger'(t, engine) {
    const { b, connection } = await startPair(t, { engine, kind: EchoNode });
    const limit = 16 * mebibyte;
    const largest = new Uint8Array(limit).map((_, index) => index % 251);
    assert.equal(connection.send(largest), false);
    assert.throws(() => connection.send(new Uint8Array(limit + 1)), withCode('ERR_MESSAGE_TOO_LARGE'));
    assert.ok(Buffer.from((await b.message()) as Uint8Array).equals(largest));
    const echo = (await connection.request(largest)) as Uint8Array;
    assert.ok(Buffer.from(echo).equals(largest));
    assert.equal(connection.isOpen, true);
  },

  async 'large and small messages keep their order'(t, engine) {
    const { a, b, connection, reverse } = await startPair(t, { engine });
    const lengths = [10, 3 * mebibyte, 0, 262_144, 262_145, 32_768, 32_769, 1, 65_535, 700_000, 5];
    const messages = lengths.map((length, index) => new Uint8Array(length).fill(index));
    const send = async (side: NodeConnection): Promise<void> => {
      for (const data of messages) {
        side.send(data);
        side.send(data.length);
        if (side === connection) await side.drained();
      }
    };
    await Promise.all([send(connection), send(reverse)]);
    await Promise.all([a.message(2 * messages.length), b.message(2 * messages.length)]);
    const expected = messages.flatMap((data) => [data, data.length]);
    assert.deepStrictEqual(a.messages, expected);
    assert.deepStrictEqual(b.messages, expected);
  },

  async 'both sides know why a connection ended'(t, engine) {
    const disconnected = { code: 'disconnected', message: 'the node closed the connection' };
    const stopped = { code: 'stopped', message: 'the node stopped' };
    const endings = [
      { reason: disconnected, end: ({ connection }) => connection.stop() },
      { reason: stopped, end: ({ a }) => a.stop() },
      { reason: disconnected, end: ({ reverse }) => reverse.stop() },
      { reason: stopped, end: ({ b }) => b.stop() },
    ] satisfies { reason: object; end: (pair: Awaited<ReturnType<typeof startPair>>) => Promise<void> }[];
    for (const [index, { reason, end }] of endings.entries()) {
      const pair = await startPair(t, { engine });
      await end(pair);
      const { a, b, connection, reverse } = pair;
      await Promise.all([a.event('outbound_node_disconnected'), b.event('inbound_node_disconnected')]);
      const [aBy, bBy] = index < 2 ? (['us', 'them'] as const) : (['them', 'us'] as const);
      assert.deepEqual(connection.closeReason, { ...reason, by: aBy });
      assert.deepEqual(reverse.closeReason, { ...reason, by: bBy });
      for (const side of [connection, reverse]) {
        assert.equal(side.isOpen, false);
        assert.throws(() => side.send('too late'), withCode('ERR_CONNECTION_CLOSED'));
      }
    }
  },

  async 'two nodes that dial each other at once keep one connection'(t, engine) {
    for (let round = 0; round < 100; round++) {
      const [a, b] = await startNodes(t, 2, { engine });
      // Not only at the same moment: each may come upon the other at any point of its handshake.
      const late = turns(round % 20).then(() => b.connectWithNode(a.host, a.port));
      const [ab, ba] = await Promise.all([a.connectWithNode(b.host, b.port), late]);
      const connected = ({ names }: RecordingNode): number =>
        names.filter((name) => name.endsWith('bound_node_connected')).length;
      // A message in each direction, and back, shows that both mean the same link and nothing is under way.
      await Promise.all([ab.deliver('from a'), ba.deliver('from b')]);
      assert.deepEqual([a.messages, b.messages], [['from b'], ['from a']]);
      assert.deepEqual([a.allNodes, b.allNodes], [[ab], [ba]], `round ${round}`);
      assert.deepEqual([connected(a), connected(b)], [1, 1], `round ${round}: ${a.names}; ${b.names}`);
      assert.notEqual(ab.direction, ba.direction);
      await Promise.all([a.stop(), b.stop()]);
    }
  },

  async 'connecting again gives the connection that is there'(t, engine) {
    const [a, b] = await startNodes(t, 2, { engine });
    const [first, second] = await Promise.all([
      a.connectWithNode(b.host, b.port),
      a.connectWithNode(b.host, b.port),
    ]);
    assert.equal(first, second);
    assert.equal(await a.connectWithNode(b.host, b.port), first);
    await b.event('inbound_node_connected');
    assert.equal(await b.connectWithNode(a.host, a.port), b.peer(a));
    await first.deliver('still the same');
    assert.deepEqual(a.names, ['outbound_node_connected']);
    assert.deepEqual(b.names, ['inbound_node_connected', 'node_message']);
  },

  async 'a node does not connect with itself'(t, engine) {
    const [a] = await startNodes(t, 1, { engine });
    await assert.rejects(a.connectWithNode(a.host, a.port), withCode('ERR_SELF_CONNECTION'));
    assert.deepEqual(a.names, ['connection_error']);
  },

  async 'a pinned id decides who may answer'(t, engine) {
    const [a, b, c] = await startNodes(t, 3, { engine });
    await assert.rejects(a.connectWithNode(b.host, b.port, { id: c.id }), withCode('ERR_ID_MISMATCH'));
    const connection = await a.connectWithNode(b.host, b.port, { id: b.id });
    assert.equal(connection.id, b.id);
    await connection.deliver('hello');
    assert.deepEqual(b.names, ['inbound_node_connected', 'node_message']);
  },

  async 'networks of different names do not connect'(t, engine) {
    const networks = ['red', 'red', 'blue'];
    const options = (index: number) => ({ network: networks[index]! });
    const [a, b, c] = await startNodes(t, 3, { engine, options });
    for (const [from, to] of [[a, c], [c, a]] as const) {
      await assert.rejects(from.connectWithNode(to.host, to.port), withCode('ERR_NETWORK_MISMATCH'));
    }
    await connect(a, b);
    assert.deepEqual(c.names, ['connection_error']);
  },

  async 'only holders of the network key connect'(t, engine) {
    const keys = ['a shared key', 'a shared key', 'another key', undefined];
    const nodes = await startNodes(t, 4, {
      engine: { ...engine, networkKey: undefined! },
      options: (index) => ({ networkKey: keys[index]! }),
    });
    const [a, b, c, d] = nodes;
    for (const [from, to] of [[a, c], [c, a], [a, d], [d, a]] as const) {
      const refusal = from.connectWithNode(to.host, to.port);
      await assert.rejects(refusal, withCode('ERR_NETWORK_MISMATCH'), `${from.name} dials ${to.name}`);
      await assert.rejects(refusal, ({ message }: Error) => !message.includes(to.id));
    }
    await connect(a, b);
    await a.peer(b).deliver('among us');
    for (const stranger of [c, d]) {
      assert.deepEqual(new Set(stranger.names), new Set(['connection_error']));
    }
    assert.deepEqual(new Set(b.names), new Set(['inbound_node_connected', 'node_message']));
  },

  async 'no more inbound connections than the node allows'(t, engine) {
    const [hub, b, c, d] = await startNodes(t, 4, { engine, options: { maxConnections: 2 } });
    const connection = await connect(b, hub);
    await connect(c, hub);
    await assert.rejects(connect(d, hub), withCode('ERR_NOT_ALLOWED'));
    assert.equal(hub.nodesInbound.size, 2);
    await connect(hub, d);
    assert.equal(hub.allNodes.length, 3, 'outbound ones do not count');
    await connection.stop();
    await hub.event('inbound_node_disconnected');
    await connect(b, hub);
    assert.equal(hub.nodesInbound.size, 2);
    assert.deepEqual(d.names, ['connection_error', 'inbound_node_connected']);
  },

  async 'either side may refuse the other, before any event'(t, engine) {
    const [a, b] = await startNodes(t, 2, { engine });
    const refusals: NodeOptions[] = [
      { deny: [a.id, b.id] },
      { allow: ['nobody'] },
      { authorize: () => false },
      { authorize: async () => false },
    ];
    for (const options of refusals) {
      const [strict] = await startNodes(t, 1, { engine, options });
      await assert.rejects(a.connectWithNode(strict.host, strict.port), withCode('ERR_NOT_ALLOWED'));
      await assert.rejects(strict.connectWithNode(b.host, b.port), withCode('ERR_NOT_ALLOWED'));
      assert.deepEqual(strict.names, ['connection_error']);
    }
    assert.deepEqual(b.names, []);
    assert.deepEqual(new Set(a.names), new Set(['connection_error']));
  },

  async 'an authorize that throws admits nobody'(t, engine) {
    const failure = new Error('the list cannot be read');
    const options = { authorize: () => Promise.reject(failure) };
    const [strict] = await startNodes(t, 1, { engine, options });
    const [a] = await startNodes(t, 1, { engine });
    await assert.rejects(a.connectWithNode(strict.host, strict.port), withCode('ERR_NOT_ALLOWED'));
    await assert.rejects(strict.connectWithNode(a.host, a.port), failure);
    assert.deepEqual([strict.names, a.names], [[], ['connection_error']]);
  },

  async 'authorize is told who asks, and may take its time'(t, engine) {
    const asked: unknown[] = [];
    const [a] = await startNodes(t, 1, { engine });
    const authorize = async (peer: unknown): Promise<boolean> => {
      asked.push(peer);
      await new Promise((resolve) => setImmediate(resolve));
      return true;
    };
    const [strict] = await startNodes(t, 1, { engine, options: { authorize, allow: [a.id], name: 'strict' } });
    const connection = await connect(a, strict);
    const inbound = strict.peer(a);
    const security = inbound.security;
    assert.deepEqual(asked, [
      { id: a.id, name: 'a', host: inbound.host, port: a.port, direction: 'inbound', security },
    ]);
    await connection.deliver('let in');
  },
};
