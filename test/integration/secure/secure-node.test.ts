import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type ConnectionDetails,
  type Data,
  MemoryHub,
  memory,
  Node,
  NodeConnection,
} from '../../../src/index.ts';
import { type NetworkMap, SecureNode, type SecureNodeOptions } from '../../../src/secure/index.ts';
import { withCode } from '../../support/errors.ts';
import { RecordingProtocol } from '../../support/recording-protocol.ts';
import { samples } from '../../support/samples.ts';
import { turns, until, within } from '../../support/turns.ts';
import { connect, TestSecureNode, World } from './support/secure-nodes.ts';

suite('SecureNode', () => {
  test('works with an address alone, over TLS', async () => {
    const a = new TestSecureNode('127.0.0.1', 0);
    const b = new SecureNode('127.0.0.1', 0);
    await Promise.all([a.start(), b.start()]);
    await connect(b, a);
    assert.equal(b.sendToNodes('hello').sent, 1);
    assert.deepEqual(await a.heard(1), ['hello']);
    assert.equal(a.received[0]!.author, b.id);
    assert.equal(a.received[0]!.peer.id, b.id);
    await Promise.all([a.stop(), b.stop()]);
  });

  test('all ways to send carry every kind of data, and each message is counted once', async (t) => {
    const [a, b] = await new World(t).line(2);
    const [connection] = a!.allNodes;
    const all = Object.values(samples);
    for (const data of all) a!.sendToNodes(data);
    for (const data of all) a!.sendToNode(b!.id, data);
    for (const data of all) connection!.send(data);
    for (const data of all) await connection!.deliver(data);
    for (const data of all) await a!.sendTo(b!.id, data);
    assert.deepStrictEqual(b!.data, [...all, ...all, ...all, ...all, ...all]);
    for (const data of all) assert.deepStrictEqual(await connection!.request(data), { echo: data });
    assert.deepEqual([b!.rejected, a!.rejected, b!.errors], [[], [], []]);
    assert.equal(b!.messageCountRecv, 6 * all.length);
    assert.equal(a!.messageCountSend, 5 * all.length);
  });

  test('one message to many is signed once and has no addressee; one to a single node has', async (t) => {
    const world = new World(t);
    const [a, b] = (await world.line(2)) as [TestSecureNode, TestSecureNode];
    const c: TestSecureNode = await world.start('c');
    await connect(a!, c);
    a!.sendToNodes('to all');
    a!.sendToNode(b!.id, 'to b');
    await b!.heard(2);
    await c.heard(1);
    assert.equal(b!.received[0]!.message.id, c.received[0]!.message.id);
    assert.deepEqual(
      b!.received.map(({ message }) => message.to),
      [undefined, b!.id],
    );
  });

  test('tells which message its handlers are given while they run, and none after that', async (t) => {
    const [a, b] = (await new World(t).line(2)) as [TestSecureNode, TestSecureNode];
    const seen: unknown[] = [];
    b.on('node_message', async (_peer, data) => {
      seen.push(b.message?.data);
      await turns();
      seen.push(b.message);
      if (data === 'fail') throw new Error('a handler failed');
    });
    for (const data of ['hello', 'fail']) {
      a.sendToNodes(data);
      await until(() => seen.length === 2, 'the handler has run');
      assert.deepEqual(seen.splice(0), [data, undefined]);
      assert.equal(b.message, undefined);
    }
  });

  test('computes nothing more for a node that has left', async (t) => {
    const [a, b] = (await new World(t).line(2)) as [TestSecureNode, TestSecureNode];
    const gate = Promise.withResolvers<void>();
    let asked = 0;
    a.vaultEngine.respond = async () => {
      asked += 1;
      await gate.promise;
      return null;
    };
    const gets = ['one', 'two', 'three'].map((item) => b.vault.get(a.id, 'c', item));
    const failed = Promise.allSettled(gets);
    await until(() => asked === 1, 'the first one is under way');
    await turns();
    await b.stop();
    await until(() => a.allNodes.length === 0, 'b has left');
    gate.resolve();
    await failed;
    await turns();
    assert.equal(asked, 1);
  });

  test('a message that is passed on stays the word of its author', async (t) => {
    const [a, b, c] = await new World(t).line(3);
    b!.on('node_message', (peer) => {
      b!.sendToNodes(b!.message!, { exclude: [peer] });
    });
    a!.sendToNodes('from a');
    await c!.heard(1);
    const { author, peer, data } = c!.received[0]!;
    assert.deepEqual([author, peer.id, data], [a!.id, b!.id, 'from a']);
  });

  test('a private message cannot be passed on to another', async (t) => {
    const [a, b, c] = await new World(t).line(3);
    b!.on('node_message', (peer) => {
      b!.sendToNodes(b!.message!, { exclude: [peer] });
    });
    a!.sendToNode(b!.id, 'between us');
    assert.deepEqual(await c!.refused(1), ['ERR_NOT_ADDRESSEE']);
    assert.deepEqual(c!.data, []);
  });

  test('messages of a node that signs nothing are refused, counted, and reach no handler', async (t) => {
    const hub = new MemoryHub();
    const secure = new TestSecureNode('secure', 1, { transports: [memory({ hub })] });
    const plain = new Node('plain', 1, { transports: [memory({ hub })] });
    t.after(() => Promise.all([secure.stop(), plain.stop()]));
    await Promise.all([secure.start(), plain.start()]);
    const connection = await plain.connectWithNode('secure', 1);
    connection.send('hello');
    await assert.rejects(connection.deliver('hello'), withCode('ERR_HANDLER'));
    await assert.rejects(connection.request('hello'), withCode('ERR_HANDLER'));
    await until(() => secure.rejected.length === 3, 'three rejections');
    assert.deepEqual(new Set(secure.rejected), new Set(['ERR_ENVELOPE_INVALID']));
    assert.deepEqual([secure.data, secure.messageCountRecv, secure.messageCountRerr], [[], 0, 3]);
  });

  test('a node that is no SecureNode is no neighbour, and whoever asks for it is told', async (t) => {
    const hub = new MemoryHub();
    const secure = new TestSecureNode('secure', 1, { transports: [memory({ hub })] });
    const other = new TestSecureNode('other', 1, { transports: [memory({ hub })] });
    const plain = new Node('plain', 1, { transports: [memory({ hub })] });
    const asked: Data[] = [];
    plain.on('node_request', (_peer, data) => void asked.push(data));
    t.after(() => Promise.all([secure.stop(), other.stop(), plain.stop()]));
    await Promise.all([secure.start(), other.start(), plain.start()]);
    await secure.connectWithNode('plain', 1);
    await assert.rejects(secure.ping(plain.id), withCode('ERR_NOT_CONNECTED'));
    await assert.rejects(secure.sendTo(plain.id, 'hello'), withCode('ERR_NOT_CONNECTED'));
    await connect(secure, other);
    await assert.rejects(secure.ping(plain.id), withCode('ERR_NO_ROUTE'));
    const { nodes } = await secure.discover();
    assert.deepEqual([...nodes].sort(), [secure.id, other.id].sort());
    assert.deepEqual([asked, secure.errors], [[], []]);
  });

  test('a connect handler may ask for the node that has connected', async (t) => {
    const world = new World(t);
    const [a, b] = [await world.start('a'), await world.start('b')];
    const asked: Promise<unknown>[] = [];
    const ask = (node: TestSecureNode, other: TestSecureNode) => (): void => {
      asked.push(node.ping(other.id), node.sendTo(other.id, 'hello'), node.discover());
    };
    a.on('outbound_node_connected', ask(a, b));
    b.on('inbound_node_connected', ask(b, a));
    await connect(a, b);
    const [, , first, , , second] = await Promise.all(asked);
    for (const map of [first, second] as NetworkMap[]) {
      assert.deepEqual([...map.nodes].sort(), [a.id, b.id].sort());
    }
    assert.deepEqual([a.data, b.data], [['hello'], ['hello']]);
  });

  test('protocols of the user are spoken beside its own', async (t) => {
    const world = new World(t);
    const own = [new RecordingProtocol('gossip/1'), new RecordingProtocol('gossip/1')] as const;
    const a = await world.start('a', { protocols: [own[0]] });
    const b = await world.start('b', { protocols: [own[1]] });
    await connect(a, b);
    (await own[0].peer('b')).send(new TextEncoder().encode('psst'));
    await own[1].until(() => own[1].told.includes('a: psst'));
    await a.ping(b.id);
    const wrong = (protocols: unknown) => () => new SecureNode('c', 1, { protocols } as SecureNodeOptions);
    assert.throws(wrong('gossip'), { name: 'TypeError', message: /^protocols must be a list/ });
    assert.throws(wrong([new RecordingProtocol('secure/1')]), { message: /'secure\/1' is there twice/ });
  });

  test('attacks over a link of a neighbour: replayed, forged, altered, late', async (t) => {
    const hub = new MemoryHub();
    const victim = new TestSecureNode('victim', 1, { transports: [memory({ hub })] });
    const thief = new Node('thief', 1, { transports: [memory({ hub })] });
    const stolen: Data[] = [];
    thief.on('node_message', (_peer, data) => void stolen.push(data));
    const author = new SecureNode('author', 1, { transports: [memory({ hub })] });
    t.after(() => Promise.all([victim.stop(), thief.stop(), author.stop()]));
    await Promise.all([victim.start(), thief.start(), author.start()]);
    await author.connectWithNode('thief', 1);
    const link = await thief.connectWithNode('victim', 1);
    author.sendToNodes('pay 5');
    await until(() => stolen.length === 1, 'the thief has a message');
    const envelope = stolen[0] as { [key: string]: Data };
    link.send({ ...envelope, data: 'pay 500' });
    link.send({ ...envelope, author: thief.id });
    link.send({ ...envelope, signature: 'A'.repeat(86) });
    link.send({ ...envelope, time: Number(envelope.time) - 600_001 });
    link.send(envelope);
    link.send(envelope);
    const codes = ['ERR_HASH_MISMATCH', 'ERR_HASH_MISMATCH', 'ERR_SIGNATURE_INVALID', 'ERR_TIME_WINDOW'];
    assert.deepEqual(await victim.refused(4), codes);
    await until(() => victim.messageCountDuplicate === 1, 'the second copy is dropped and counted');
    link.send({ ...envelope, data: 'pay 500' });
    assert.deepEqual(await victim.refused(5), [...codes, 'ERR_HASH_MISMATCH']);
    assert.deepEqual(victim.data, ['pay 5'], 'the true one counts once, whoever brought it');
    assert.equal(victim.received[0]!.author, author.id);
  });

  test('copies that several neighbours pass on are dropped and counted, and are no rejections', async (t) => {
    class Gossip extends TestSecureNode {
      override nodeMessage(peer: NodeConnection, data: Data) {
        this.sendToNodes(this.message!, { exclude: [peer] });
        return super.nodeMessage(peer, data);
      }
    }
    const hub = new MemoryHub();
    const nodes = ['a', 'b', 'c', 'd'].map((name) => new Gossip(name, 1, { transports: [memory({ hub })] }));
    t.after(() => Promise.all(nodes.map((node) => node.stop())));
    for (const node of nodes) await node.start();
    for (const node of nodes) {
      for (const { host } of nodes) if (node.host < host) await node.connectWithNode(host, 1);
    }
    for (const node of nodes) await node.waitForNodes(3);
    nodes[0]!.sendToNodes('news');
    // Each of the other three passes it on to the two that it did not come from.
    const duplicates = () => nodes.reduce((sum, node) => sum + node.messageCountDuplicate, 0);
    await until(() => duplicates() === 6, 'every copy but the first has arrived');
    for (const node of nodes) {
      assert.deepEqual(node.data, node === nodes[0] ? [] : ['news']);
      assert.deepEqual([node.rejected, node.messageCountRerr], [[], 0]);
    }
  });

  test('a delivery that passes on what the peer has seen succeeds', async (t) => {
    const hub = new MemoryHub();
    const [a, b] = ['a', 'b'].map((name) => new TestSecureNode(name, 1, { transports: [memory({ hub })] }));
    const relay = new SecureNode('relay', 1, { transports: [memory({ hub })] });
    t.after(() => Promise.all([a!.stop(), b!.stop(), relay.stop()]));
    await Promise.all([a!.start(), b!.start(), relay.start()]);
    await a!.connectWithNode('b', 1);
    await a!.connectWithNode('relay', 1);
    const toB = await relay.connectWithNode('b', 1);
    const heard = new Promise<Data>((resolve) => relay.once('node_message', () => resolve(relay.message!)));
    a!.sendToNodes('news');
    const news = await heard;
    await until(() => b!.data.length === 1, 'b has heard it of a');
    await toB.deliver(news);
    assert.deepEqual([b!.data, b!.rejected, b!.messageCountDuplicate], [['news'], [], 1]);
  });

  test('sendTo reaches a node far away, which alone can read it', async (t) => {
    const seen: Data[] = [];
    const [a, b, c, d] = await new World(t).line(4);
    for (const relay of [b!, c!]) relay.on('node_message', (_peer, data) => void seen.push(data));
    await a!.sendTo(d!.id, { secret: Float32Array.of(1, 2) });
    assert.deepStrictEqual(d!.data, [{ secret: Float32Array.of(1, 2) }]);
    assert.equal(d!.received[0]!.author, a!.id);
    assert.equal(d!.received[0]!.peer.id, c!.id);
    assert.deepEqual(seen, []);
  });

  test('sendTo in a ring with chords: one copy arrives', async (t) => {
    const nodes = await new World(t).line(6);
    for (const [from, to] of [
      [0, 5],
      [0, 3],
      [1, 4],
      [2, 5],
    ] as const)
      await connect(nodes[from]!, nodes[to]!);
    await Promise.all(nodes.slice(1).map((node) => nodes[0]!.sendTo(node.id, node.name)));
    await turns();
    for (const node of nodes.slice(1)) assert.deepEqual(node.data, [node.name]);
    for (const node of nodes) assert.deepEqual(node.rejected, []);
  });

  test('sendTo says when nobody leads there, when there is no connection, and when a handler failed', async (t) => {
    const world = new World(t);
    const alone = await world.start('alone');
    const [a, , c] = await world.line(3);
    await assert.rejects(a!.sendTo(alone.id, 1), withCode('ERR_NO_ROUTE'));
    await assert.rejects(alone.sendTo(a!.id, 1), withCode('ERR_NOT_CONNECTED'));
    await assert.rejects(a!.sendTo(a!.id, 1), TypeError);
    await assert.rejects(a!.sendTo('nobody', 1), TypeError);
    c!.on('node_message', () => {
      throw new Error('a bug');
    });
    await assert.rejects(a!.sendTo(c!.id, 1), withCode('ERR_HANDLER'));
    assert.equal(c!.errors.length, 1);
  });

  test('a handler may ask the node whose message it handles, and nodes beyond it', async (t) => {
    const [a, b, c] = await new World(t).line(3);
    const asked: unknown[] = [];
    b!.on('node_message', async () => {
      asked.push(await b!.ping(a!.id), await b!.ping(c!.id));
    });
    c!.on('node_message', async () => {
      asked.push(await c!.ping(a!.id));
    });
    await a!.allNodes[0]!.deliver('to b');
    await b!.sendTo(c!.id, 'to c');
    assert.deepEqual(
      asked.map((milliseconds) => typeof milliseconds),
      ['number', 'number', 'number'],
    );
  });

  test('ping tells the time there and back, also through others', async (t) => {
    const [a, b, c] = await new World(t).line(3);
    assert.ok((await a!.ping(b!.id)) > 0);
    assert.ok((await a!.ping(c!.id)) > 0);
  });

  test('discover finds all nodes and links, each once', async (t) => {
    const nodes = await new World(t).line(5);
    await connect(nodes[0]!, nodes[2]!);
    const ids = nodes.map(({ id }) => id);
    for (const node of nodes) {
      const map = await node.discover();
      assert.equal(map.nodes[0], node.id);
      assert.deepEqual([...map.nodes].sort(), [...ids].sort());
      const expected = [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 4],
        [0, 2],
      ].map((pair) => pair.map((at) => ids[at!]!).sort());
      assert.deepEqual(map.links.map((pair) => [...pair]).sort(), expected.sort());
    }
  });

  test('discover comes back in time when a node does not answer', async (t) => {
    const [a, b] = await new World(t).line(3);
    b!.links[0]!.pause();
    const back: number[] = [];
    const discover = async (timeoutMs: number): Promise<void> => {
      const map = await a!.discover({ timeoutMs });
      assert.deepEqual([...map.nodes], [a!.id, b!.id]);
      back.push(timeoutMs);
    };
    await within(Promise.all([discover(600), discover(200)]), 'both maps');
    assert.deepEqual(back, [200, 600], 'each in its own time');
    b!.links[0]!.resume();
  });

  test('an own class of connections is covered as well', async (t) => {
    const hub = new MemoryHub();
    class NamedConnection extends NodeConnection {
      nickname = 'none';
    }
    class Peer extends TestSecureNode {
      override createNewConnection(details: ConnectionDetails): NodeConnection {
        return new NamedConnection(this, details);
      }
    }
    const a = new Peer('a', 1, { transports: [memory({ hub })] });
    const b = new Peer('b', 1, { transports: [memory({ hub })] });
    t.after(() => Promise.all([a.stop(), b.stop()]));
    await Promise.all([a.start(), b.start()]);
    const connection = await a.connectWithNode('b', 1);
    assert.ok(connection instanceof NamedConnection);
    connection.send('signed');
    await b.heard(1);
    assert.equal(b.received[0]!.author, a.id);
  });

  test('signing, verifying, hashing and encrypting by hand', async (t) => {
    const world = new World(t);
    const [a, b] = [await world.start('a'), await world.start('b')];
    const data = { weights: Float32Array.of(1), round: 3 };
    const signature = await a.sign(data);
    assert.equal(b.verify(a.id, { round: 3, weights: Float32Array.of(1) }, signature), true);
    assert.equal(b.verify(b.id, data, signature), false);
    assert.equal(b.verify(a.id, { ...data, round: 4 }, signature), false);
    assert.equal(b.verify('nobody', data, signature), false);
    for (const malformed of ['none', '', '!', '='.repeat(86), `${signature}==`, 'ü'.repeat(86)]) {
      assert.equal(b.verify(a.id, data, malformed), false, malformed);
    }
    assert.equal(a.hash(data), b.hash({ round: 3, weights: Float32Array.of(1) }));
    const encrypted = await a.encrypt(b.id, data);
    assert.deepStrictEqual(await b.decrypt(encrypted), data);
    await assert.rejects(a.decrypt(encrypted), withCode('ERR_DECRYPTION'));
  });

  test('options that are wrong are named', () => {
    assert.throws(() => new SecureNode('127.0.0.1', 0, { timeWindowMs: 0 }), /timeWindowMs/);
    assert.throws(() => new SecureNode('127.0.0.1', 0, { maxSeenMessages: 1.5 }), /maxSeenMessages/);
    const wrong: [object, RegExp][] = [
      [{ nonsense: 1 }, /nonsense is not an option.* The options are /],
      [
        { vault: { pth: 'a.db' } },
        /vault\.pth is not an option.* The options are path, store, maxReplicaBytes/,
      ],
      [{ vault: 'a.db' }, /vault must be an object, not 'a\.db'/],
      [{ identity: { path: 'a.pem', pasphrase: 'a' } }, /identity\.pasphrase is not an option/],
      [{ identity: 'a.pem' }, /identity must be an Identity or \{ path, passphrase \}, not 'a\.pem'/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(
        () => new SecureNode('127.0.0.1', 0, options),
        (error) => error instanceof TypeError && message.test(error.message),
      );
    }
  });

  test('a time to wait that is none is refused at once', async (t) => {
    const [a, b] = await new World(t).line(2);
    const wrong: [object, RegExp][] = [
      [{ timeout: 5 }, /timeout is not an option.* The options are timeoutMs/],
      [{ timeoutMs: 0 }, /timeoutMs must be above 0, not 0/],
    ];
    for (const [options, message] of wrong) {
      await assert.rejects(a!.sendTo(b!.id, 'hello', options), message);
      await assert.rejects(a!.ping(b!.id, options), message);
      await assert.rejects(a!.discover(options), message);
    }
  });
});
