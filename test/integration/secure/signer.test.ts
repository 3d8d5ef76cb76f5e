import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type Data, Identity, type PeerloomError, type Signer } from '../../../src/index.ts';
import { SecureNode } from '../../../src/secure/index.ts';
import { withCode } from '../../support/errors.ts';
import { keptKey } from '../../support/kept-key.ts';
import { samples } from '../../support/samples.ts';
import { turns, until } from '../../support/turns.ts';
import { connect, type Received, type TestSecureNode, World } from './support/secure-nodes.ts';

/** A signer that signs at once, until a test holds its signatures back. */
class HeldSigner implements Signer {
  readonly #identity = Identity.generate();
  readonly publicKey = this.#identity.publicKey;
  isHolding = false;
  /** Those that the node waits for, in the order in which it asked for them. */
  readonly held: { readonly sign: () => void; readonly fail: (error: Error) => void }[] = [];

  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const signature = this.#identity.sign(message);
    if (!this.isHolding) return signature;
    return new Promise((resolve, reject) => this.held.push({ sign: () => resolve(signature), fail: reject }));
  }

  async release(order: (held: number[]) => number[] = (held) => held): Promise<void> {
    const held = this.held.splice(0);
    for (const index of order([...held.keys()])) {
      held[index]!.sign();
      await turns(1);
    }
  }
}

async function pair(t: TestContext, options = {}) {
  const world = new World(t);
  const signer = new HeldSigner();
  const a = await world.start('a', { identity: signer, ...options });
  const b = await world.start('b');
  const connection = await connect(a, b);
  signer.isHolding = true;
  t.after(() => signer.release());
  return { world, signer, a, b, connection };
}

const codes = ({ errors }: TestSecureNode) => errors.map((error) => (error as PeerloomError).code);

suite('a SecureNode whose key cannot be exported', () => {
  test('carries every kind of data in both directions, and receivers check it', async (t) => {
    const world = new World(t);
    const a = await world.start('a', { identity: await keptKey() });
    const b = await world.start('b');
    await connect(a, b);
    const all = Object.values(samples);
    for (const [from, to] of [[a, b] as const, [b, a] as const]) {
      const [connection] = from.allNodes;
      for (const data of all) from.sendToNodes(data);
      for (const data of all) connection!.send(data);
      for (const data of all) await connection!.deliver(data);
      assert.deepStrictEqual(to.data, [...all, ...all, ...all]);
      for (const data of all) assert.deepStrictEqual(await connection!.request(data), { echo: data });
      assert.deepEqual(new Set(to.received.map(({ author }) => author)), new Set([from.id]));
      assert.ok((await from.ping(to.id)) >= 0);
      assert.equal((await from.discover()).nodes.length, 2);
    }
    assert.deepEqual([a.rejected, b.rejected, a.errors, b.errors], [[], [], [], []]);
    assert.equal(a.messageCountSend, b.messageCountSend);
  });

  test('keeps the order of what it sends, whatever the order of the signatures', async (t) => {
    const { signer, a, b, connection } = await pair(t);
    b.nodeRequest = (peer, data) => {
      b.received.push({ peer, data } as Received);
      return 'done';
    };
    connection.send(1);
    const delivered = connection.deliver(2);
    a.sendToNodes(3);
    const asked = connection.request('a request');
    a.sendToNode(b.id, 4);
    await signer.release((held) => held.toReversed());
    await Promise.all([delivered, asked]);
    // The receiver answers requests as they arrive, perhaps before it has handled all messages that came before them.
    const heard = await b.heard(5);
    assert.deepEqual(
      heard.filter((data) => data !== 'a request'),
      [1, 2, 3, 4],
    );
    assert.deepEqual([b.rejected, a.errors], [[], []]);
  });

  test('signs a message to all once, and passes messages of others on behind its own', async (t) => {
    const { world, signer, a, b, connection } = await pair(t);
    signer.isHolding = false;
    const c = await world.start('c');
    await connect(a, c);
    signer.isHolding = true;
    c.sendToNodes('of c');
    await a.heard(1);
    assert.equal(a.sendToNodes('to all').sent, 2);
    assert.equal(signer.held.length, 1);
    connection.send(a.received[0]!.message);
    await signer.release();
    assert.deepEqual(await b.heard(2), ['to all', 'of c']);
    await c.heard(1);
    assert.equal(b.received[0]!.message.id, c.received[0]!.message.id);
    assert.deepEqual(
      b.received.map(({ author }) => author),
      [a.id, c.id],
    );
  });

  test('sends the data as it was, even if it changes before it is signed', async (t) => {
    const { signer, a, b } = await pair(t);
    const data = { text: 'before', bytes: new Uint8Array([1]) };
    a.sendToNodes(data);
    data.text = 'after';
    data.bytes[0] = 2;
    await signer.release();
    assert.deepStrictEqual(await b.heard(1), [{ text: 'before', bytes: new Uint8Array([1]) }]);
  });

  test('reports what its signer fails to sign, and sends the rest', async (t) => {
    const { signer, a, b, connection } = await pair(t);
    connection.send('lost');
    const delivered = assert.rejects(connection.deliver('lost'), withCode('ERR_SIGNER'));
    const asked = assert.rejects(connection.request('lost'), withCode('ERR_SIGNER'));
    const opened = assert.rejects(connection.openStream('lost'), withCode('ERR_SIGNER'));
    a.sendToNodes('sent');
    for (const { fail } of signer.held.splice(0, 4)) fail(new Error('no token'));
    await signer.release();
    await Promise.all([delivered, asked, opened]);
    assert.deepEqual(await b.heard(1), ['sent']);
    assert.deepEqual(codes(a), Array(4).fill('ERR_SIGNER'));
  });

  test('tells the other side that it cannot answer when its signer fails', async (t) => {
    const { signer, a, b } = await pair(t);
    const asked = assert.rejects(b.allNodes[0]!.request('hello'), withCode('ERR_HANDLER'));
    const pinged = assert.rejects(b.ping(a.id), withCode('ERR_HANDLER'));
    await until(() => signer.held.length === 2, 'both answers wait for signatures');
    for (const { fail } of signer.held.splice(0)) fail(new Error('no token'));
    await Promise.all([asked, pinged]);
    assert.deepEqual(codes(a), ['ERR_SIGNER', 'ERR_SIGNER']);
  });

  test('bounds what waits for signatures', async (t) => {
    const limits = { queueHighWaterBytes: 20_000, queueMaxBytes: 40_000 };
    const { signer, b, connection } = await pair(t, { limits });
    const data = new Uint8Array(15_000);
    assert.deepEqual([connection.send(data), connection.send(data)], [true, false]);
    assert.throws(() => connection.send(data), withCode('ERR_QUEUE_FULL'));
    await assert.rejects(connection.request(data), withCode('ERR_QUEUE_FULL'));
    await assert.rejects(connection.deliver(data), withCode('ERR_QUEUE_FULL'));
    const drained = connection.drained();
    await signer.release();
    await drained;
    assert.equal(connection.send('there is room again'), true);
    await signer.release();
    assert.equal((await b.heard(3)).at(-1), 'there is room again');
  });

  test('checks calls at once, and lets them time out while they wait', async (t) => {
    const { signer, b, connection } = await pair(t);
    await assert.rejects(connection.request(1, { timeoutMs: 10 }), withCode('ERR_TIMEOUT'));
    await assert.rejects(connection.deliver(1, { signal: AbortSignal.abort() }), withCode('ERR_ABORTED'));
    await assert.rejects(connection.deliver(1, { timeout: 1 } as never), TypeError);
    assert.throws(() => connection.send(1, { compress: 'zlib' } as never), TypeError);
    assert.throws(() => connection.send((() => {}) as never), TypeError);
    connection.send('after it');
    await signer.release();
    assert.deepEqual(await b.heard(1), ['after it']);
    assert.equal(b.messageCountRecv, 1);
  });

  test('sends what waits before it closes a connection', async (t) => {
    const { signer, a, b, connection } = await pair(t);
    connection.send('goodbye');
    const closed = connection.stop();
    await until(() => !connection.isOpen, 'the handlers of the disconnect event have run');
    assert.equal(connection.isOpen, false);
    assert.throws(() => connection.send('too late'), withCode('ERR_CONNECTION_CLOSED'));
    await signer.release();
    await closed;
    assert.deepEqual(await b.heard(1), ['goodbye']);
    assert.deepEqual(a.errors, []);
  });

  test('reports what was not signed when the other side closes the connection', async (t) => {
    const { a, b, connection } = await pair(t);
    connection.send(1);
    connection.send(2);
    const asked = assert.rejects(connection.request(3), withCode('ERR_CONNECTION_CLOSED'));
    const opened = assert.rejects(connection.openStream(4), withCode('ERR_CONNECTION_CLOSED'));
    await b.allNodes[0]!.stop();
    await Promise.all([asked, opened]);
    assert.deepEqual(codes(a), ['ERR_CONNECTION_CLOSED']);
    assert.match((a.errors[0] as Error).message, /not signed before: 2$/);
  });
});

suite('what needs the private key', () => {
  const isRefused = withCode('ERR_NOT_SUPPORTED');

  test('is refused at once to the user of a node whose key cannot be exported', async (t) => {
    const { a, b, world } = await pair(t);
    await assert.rejects(a.sendTo(b.id, 'hello'), isRefused);
    await assert.rejects(a.decrypt(await b.encrypt(a.id, 'hello')), isRefused);
    assert.throws(() => a.vault, isRefused);
    const identity = await keptKey();
    assert.throws(() => new SecureNode('127.0.0.1', 0, { identity, vault: {} }), TypeError);
    const c = await world.start('c');
    await connect(b, c);
    await assert.rejects(a.ping(c.id), isRefused);
  });

  test('is not asked for to sign by hand, which waits for the signer', async (t) => {
    const { signer, a, b } = await pair(t);
    signer.isHolding = false;
    const data = { text: 'hello' };
    const signing = a.sign(data);
    data.text = 'changed';
    assert.equal(b.verify(a.id, { text: 'hello' }, await signing), true);
    assert.equal(b.verify(a.id, { text: 'hello' }, await b.sign({ text: 'hello' })), false);
  });

  test('is refused to other nodes, which learn it at once, neighbours or not', async (t) => {
    const { signer, a, b, world } = await pair(t);
    signer.isHolding = false;
    await assert.rejects(b.vault.get(a.id, 'health', 'pulse'), withCode('ERR_NO_ROUTE'));
    const c = await world.start('c');
    await connect(b, c);
    for (const node of [b, c]) await assert.rejects(node.sendTo(a.id, 'hello'), isRefused);
    await assert.rejects(c.ping(a.id), isRefused);
    assert.deepEqual([a.data, a.rejected, b.rejected], [[], [], []]);
  });

  test('is not needed to pass letters on', async (t) => {
    const world = new World(t);
    const relay = await world.start('relay', { identity: await keptKey() });
    const [a, b] = [await world.start('a'), await world.start('b')];
    await connect(a, relay);
    await connect(b, relay);
    await a.sendTo(b.id, 'through it' as Data);
    assert.deepEqual(b.data, ['through it']);
  });
});
