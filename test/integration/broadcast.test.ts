import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type BroadcastDetails, type Data, Identity, type NodeOptions } from '../../src/index.ts';
import { type Engine, engines } from '../support/engines.ts';
import { withCode } from '../support/errors.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { connect, startNodes } from '../support/start-nodes.ts';
import { turns, until } from '../support/turns.ts';

interface Heard {
  readonly origin: string;
  readonly data: Data;
  readonly details: BroadcastDetails;
}

class Hearer extends RecordingNode {
  readonly heard: Heard[] = [];

  override nodeBroadcast(origin: string, data: Data, details: BroadcastDetails): unknown {
    this.heard.push({ origin, data, details });
    return undefined;
  }

  /** The data of all broadcasts, once so many have arrived. */
  async heardData(count: number): Promise<Data[]> {
    if (count > 0) await this.event('node_broadcast', count);
    return this.heard.map(({ data }) => data);
  }
}

/** Nodes in a line: each is connected with the next one only. */
async function line(
  t: TestContext,
  count: number,
  { engine, options }: { engine?: Engine; options?: (index: number) => NodeOptions } = {},
): Promise<Hearer[]> {
  const start = { kind: Hearer, ...(engine && { engine }), ...(options && { options }) };
  const nodes = await startNodes(t, count, start);
  for (let at = 1; at < count; at++) await connect(nodes[at - 1]!, nodes[at]!);
  return nodes;
}

suite('broadcasts', () => {
  for (const engine of engines) {
    test(`over ${engine.name}: reach every node once, with their data and their origin`, async (t) => {
      const [a, b, c, d] = (await line(t, 4, { engine })) as [Hearer, Hearer, Hearer, Hearer];
      const data = {
        text: 'hello',
        list: [1, 2.5, null],
        bytes: Uint8Array.of(1, 2),
        weights: new Float32Array(3),
      };
      const before = Date.now();
      const { id, neighbours } = a.broadcast(data);
      assert.equal(neighbours, 1);
      assert.match(id, /^[0-9a-f]{64}$/);
      for (const [hops, node] of [b, c, d].entries()) {
        await node.event('node_broadcast');
        const [{ origin, data: arrived, details }] = node.heard as [Heard];
        assert.deepEqual(arrived, data);
        assert.equal(origin, a.id);
        assert.equal(details.id, id);
        assert.equal(details.topic, '');
        assert.equal(details.hops, hops + 1);
        assert.equal(details.via, node.peer([a, b, c][hops]!));
        assert.ok(details.sentAt >= before && details.sentAt <= Date.now());
      }
      d.broadcast('back');
      assert.deepEqual(await a.heardData(1), ['back'], 'and none comes back to its origin');
    });
  }

  test('tell over which peer they came', async (t) => {
    const [a, b, c] = (await line(t, 3)) as [Hearer, Hearer, Hearer];
    const toB = a.peer(b);
    assert.deepEqual(a.route(b.id), { via: toB, hops: 1, ageMs: 0 });
    for (const id of [c.id, a.id]) assert.equal(a.route(id), undefined);
    c.broadcast('from afar');
    await a.event('node_broadcast');
    const { via, hops, ageMs } = a.route(c.id)!;
    assert.deepEqual([via, hops], [toB, 2]);
    assert.ok(ageMs >= 0 && ageMs < 5_000);
    assert.throws(() => a.route(5 as never), TypeError);
    assert.throws(() => a.route(c.id.toLowerCase()), /id must be the complete id of a node/);
    await a.disconnectWithNode(toB);
    assert.deepEqual([a.route(b.id), a.route(c.id)], [undefined, undefined]);
  });

  test('that are equal are two', async (t) => {
    const [a, b] = (await line(t, 2)) as [Hearer, Hearer];
    const ids = [a.broadcast('again').id, a.broadcast('again').id];
    assert.notEqual(ids[0], ids[1]);
    assert.deepEqual(await b.heardData(2), ['again', 'again']);
  });

  test('arrive once where there are many paths', async (t) => {
    const nodes = await startNodes(t, 5, { kind: Hearer });
    for (const [at, one] of nodes.entries())
      for (const other of nodes.slice(at + 1)) await connect(one, other);
    const rounds = 20;
    for (let round = 0; round < rounds; round++) nodes[round % 5]!.broadcast(round);
    for (const node of nodes) {
      const heard = await node.heardData(rounds - rounds / 5);
      assert.equal(new Set(heard).size, heard.length);
    }
    await turns();
    for (const node of nodes) assert.equal(node.heard.length, rounds - rounds / 5);
  });

  test('of a topic go to subscribers only, and through nodes that have not subscribed', async (t) => {
    const [a, b, c] = (await line(t, 3)) as [Hearer, Hearer, Hearer];
    c.subscribe('chat');
    b.subscribe('chess');
    a.broadcast('to chat', { topic: 'chat' });
    a.broadcast('to all');
    assert.deepEqual(await c.heardData(2), ['to chat', 'to all']);
    assert.equal(c.heard[0]!.details.topic, 'chat');
    assert.deepEqual(await b.heardData(1), ['to all']);
    c.unsubscribe('chat');
    a.broadcast('to chat again', { topic: 'chat' });
    a.broadcast('to all again');
    assert.deepEqual(await c.heardData(3), ['to chat', 'to all', 'to all again']);
    c.subscribe('chat');
    c.unsubscribe('');
    a.broadcast('to all but c');
    a.broadcast('to chat at last', { topic: 'chat' });
    assert.deepEqual((await c.heardData(4)).at(-1), 'to chat at last');
  });

  test('of a topic with a key go through nodes that cannot read them, to those that have the key', async (t) => {
    const [a, b, c, d] = (await line(t, 4)) as [Hearer, Hearer, Hearer, Hearer];
    await a.subscribe('chat', { topicKey: 'secret' });
    b.subscribe('chat');
    await Promise.all([
      c.subscribe('chat', { topicKey: 'another' }),
      d.subscribe('chat', { topicKey: 'secret' }),
    ]);
    a.broadcast({ text: 'for d' }, { topic: 'chat' });
    assert.deepEqual(await d.heardData(1), [{ text: 'for d' }]);
    const [{ origin, details }] = d.heard as [Heard];
    assert.deepEqual([origin, details.topic, details.hops], [a.id, 'chat', 3]);
    const { id } = await b.broadcast('by one that only sends', { topic: 'chat', topicKey: 'secret' });
    assert.deepEqual((await d.heardData(2)).at(-1), 'by one that only sends');
    assert.equal(d.heard[1]!.details.id, id);
    b.broadcast('without the key', { topic: 'chat' });
    a.broadcast('to all');
    assert.deepEqual((await d.heardData(3)).at(-1), 'to all');
    for (const node of [b, c]) {
      await node.event('node_broadcast');
      assert.deepEqual(
        node.heard.map(({ data }) => data),
        ['to all'],
      );
    }
    assert.deepEqual(
      [a, b, c, d].map((node) => node.broadcastCountRejected),
      [0, 0, 0, 0],
      'another key is another topic',
    );
  });

  test('of a topic whose key is not derived yet are not sent, and never without it', async (t) => {
    const [a, b] = (await line(t, 2)) as [Hearer, Hearer];
    b.subscribe('chat');
    const topicKey = 'derived while others wait';
    const subscribed = a.subscribe('chat', { topicKey });
    assert.throws(() => a.broadcast('too early', { topic: 'chat' }), withCode('ERR_TOPIC_KEY'));
    assert.equal(a.subscribe('chat', { topicKey }), subscribed);
    a.unsubscribe('chat');
    await subscribed;
    a.broadcast('a topic without a key', { topic: 'chat' });
    assert.deepEqual(await b.heardData(1), ['a topic without a key']);
  });

  test('of a topic are read with the key of the last subscription, and sent as the data was', async (t) => {
    const [a, b] = (await line(t, 2)) as [Hearer, Hearer];
    const earlier = a.subscribe('chat', { topicKey: 'one' });
    await a.subscribe('chat', { topicKey: 'two' });
    await earlier;
    const data = Uint8Array.of(1);
    await b.broadcast('with the key of before', { topic: 'chat', topicKey: 'one' });
    const sent = b.broadcast(data, { topic: 'chat', topicKey: 'two' });
    data[0] = 2;
    await sent;
    assert.deepEqual(await a.heardData(1), [Uint8Array.of(1)]);
    a.subscribe('chat');
    await b.broadcast('with a key', { topic: 'chat', topicKey: 'two' });
    b.broadcast('without one', { topic: 'chat' });
    assert.deepEqual((await a.heardData(2)).at(-1), 'without one');
  });

  test('of up to 1 MiB with their seal are sent to a topic with a key', async (t) => {
    const [a, b] = (await line(t, 2)) as [Hearer, Hearer];
    for (const node of [a, b]) await node.subscribe('chat', { topicKey: 'secret' });
    const largest = new Uint8Array(2 ** 20 - 49).fill(7);
    a.broadcast(largest, { topic: 'chat' });
    assert.deepEqual(await b.heardData(1), [largest]);
    const larger = new Uint8Array(largest.length + 1);
    assert.throws(() => a.broadcast(larger, { topic: 'chat' }), withCode('ERR_MESSAGE_TOO_LARGE'));
  });

  test('of topics that it has not subscribed to are not passed on by a node that was told so', async (t) => {
    const options = (index: number): NodeOptions => (index === 1 ? { relayBroadcasts: 'subscribed' } : {});
    const [a, b, c] = (await line(t, 3, { options })) as [Hearer, Hearer, Hearer];
    c.subscribe('chat');
    a.broadcast('not passed on', { topic: 'chat' });
    a.broadcast('to all');
    assert.deepEqual(await c.heardData(1), ['to all']);
    b.subscribe('chat');
    a.broadcast('passed on', { topic: 'chat' });
    assert.deepEqual(await c.heardData(2), ['to all', 'passed on']);
    await connect(a, c);
    b.unsubscribe('chat');
    for (let count = 0; count < 5; count++) a.broadcast(count, { topic: 'chat' });
    assert.deepEqual((await c.heardData(7)).slice(2), [0, 1, 2, 3, 4], 'over another path');
  });

  test('of up to 1 MiB arrive, over several links', async (t) => {
    const nodes = (await line(t, 3)) as [Hearer, Hearer, Hearer];
    const [a, , c] = nodes;
    await connect(a, c);
    const large = new Uint8Array(2 ** 20).fill(7);
    a.broadcast(large);
    for (const node of nodes.slice(1)) assert.deepEqual(await node.heardData(1), [large]);
    assert.throws(() => a.broadcast(new Uint8Array(2 ** 20 + 1)), withCode('ERR_MESSAGE_TOO_LARGE'));
  });

  test('that are more than nodes keep for each other are refused, and arrive after a while', async (t) => {
    const [a, b] = (await line(t, 2)) as [Hearer, Hearer];
    let sent = 0;
    const sendUntilRefused = (): void => {
      for (;;) {
        a.broadcast(new Uint8Array(2 ** 20));
        sent += 1;
      }
    };
    assert.throws(sendUntilRefused, withCode('ERR_QUEUE_FULL'));
    assert.equal(sent, 7);
    assert.equal((await b.heardData(sent)).length, sent);
    await until(() => {
      try {
        return a.broadcast(new Uint8Array(2 ** 20)).neighbours === 1;
      } catch {
        return false;
      }
    }, 'there is room again');
    await b.heardData(sent + 1);
  });

  test('are refused without a neighbour, and with wrong arguments', async (t) => {
    const [a, b] = await startNodes(t, 2, { kind: Hearer });
    assert.throws(() => a.broadcast('hello'), withCode('ERR_NO_NEIGHBOUR'));
    const connection = await connect(a, b);
    assert.throws(() => a.broadcast((() => {}) as never), TypeError);
    assert.throws(() => a.broadcast('hello', { topics: 'chat' } as never), /topics/);
    assert.throws(() => a.broadcast('hello', { topic: 7 as never }), TypeError);
    assert.throws(() => a.broadcast('hello', { topicKey: 7 as never }), /topicKey must be a string/);
    assert.throws(() => a.subscribe('é'.repeat(128)), RangeError);
    assert.throws(() => a.subscribe('\0presence'), /topic must not begin with a zero character/);
    assert.throws(() => a.broadcast('hello', { topic: '\0presence' }), RangeError);
    assert.throws(() => a.subscribe('chat', { ordered: 1 as never }), /ordered must be a boolean/);
    assert.throws(
      () => new Hearer('127.0.0.1', 0, { relayBroadcasts: 'none' as never }),
      /'all' or 'subscribed'/,
    );
    assert.throws(() => a.subscribe('chat', { topicKey: '' }), /topicKey must not be empty/);
    assert.throws(() => a.subscribe('chat', { topicKey: 'half \ud800' }), /topicKey must be well-formed/);
    assert.throws(() => a.subscribe('chat', { key: 'secret' } as never), /key is not an option/);
    a.subscribe('é'.repeat(127));
    await a.disconnectWithNode(connection);
    assert.throws(() => a.broadcast('hello'), withCode('ERR_NO_NEIGHBOUR'));
  });

  test('wait for a slow handler without holding up those who hear of them from it', async (t) => {
    const [a, b, c] = (await line(t, 3)) as [Hearer, Hearer, Hearer];
    const ends: (() => void)[] = [];
    b.on('node_broadcast', () => new Promise<void>((resolve) => ends.push(resolve)));
    for (let count = 0; count < 10; count++) a.broadcast(count);
    assert.equal((await c.heardData(10)).length, 10);
    assert.equal(b.heard.length, 1);
    for (let count = 0; count < 10; count++) {
      await b.heardData(count + 1);
      ends[count]!();
    }
    assert.deepEqual(await b.heardData(10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(b.broadcastCountDropped, 0);
  });

  test('keep coming after a handler that throws', async (t) => {
    const [a, b] = (await line(t, 2)) as [Hearer, Hearer];
    b.once('node_broadcast', () => {
      throw new Error('a mistake');
    });
    a.broadcast(1);
    a.broadcast(2);
    assert.deepEqual(await b.heardData(2), [1, 2]);
    assert.equal((await b.event('node_error')).peer, b.peer(a));
  });

  test('are signed by a signer that takes its time, in their order', async (t) => {
    const key = Identity.generate();
    const identity = {
      publicKey: key.publicKey,
      sign: async (message: Uint8Array): Promise<Uint8Array> => key.sign(message),
    };
    const [a, b] = (await line(t, 2, { options: (index) => (index === 0 ? { identity } : {}) })) as [
      Hearer,
      Hearer,
    ];
    for (let count = 0; count < 5; count++) a.broadcast(count);
    assert.deepEqual(await b.heardData(5), [0, 1, 2, 3, 4]);
    assert.equal(b.heard[0]!.origin, key.id);
  });

  test('are handed on while a node is about to stop, and not after it', async (t) => {
    const [a, b] = (await line(t, 2)) as [Hearer, Hearer];
    const ends: (() => void)[] = [];
    b.on('node_broadcast', () => new Promise<void>((resolve) => ends.push(resolve)));
    b.on('node_request_to_stop', async () => {
      b.broadcast('farewell');
      a.broadcast(1);
      a.broadcast(2);
      await b.heardData(1);
    });
    await b.stop();
    assert.deepEqual(await a.heardData(1), ['farewell']);
    for (const end of ends) end();
    await turns();
    assert.deepEqual(b.heard.length, 1);
  });

  test('stay within the network of their nodes', async (t) => {
    const [a, b] = (await line(t, 2, { options: () => ({ network: 'a network' }) })) as [Hearer, Hearer];
    a.broadcast('hello');
    assert.deepEqual(await b.heardData(1), ['hello']);
  });
});
