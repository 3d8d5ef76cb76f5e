import assert from 'node:assert/strict';
import type { Compression, Data, NodeConnection } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { samples } from '../support/samples.ts';
import { startPair } from '../support/start-nodes.ts';
import type { Contract } from './transport.ts';

const mebibyte = 1024 * 1024;

/** Answers a request with what it was asked. */
class EchoNode extends RecordingNode {
  override nodeRequest(_peer: NodeConnection, data: Data): Data {
    return data;
  }
}

/** What two connected nodes can say to each other, whatever carries it. */
export const conversationContract: Contract = {
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
    const limit = 4 * mebibyte;
    const options = { limits: { maxMessageBytes: limit } };
    const { b, connection } = await startPair(t, { engine, kind: EchoNode, options });
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
};
