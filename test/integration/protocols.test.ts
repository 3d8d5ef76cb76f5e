import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Node, type NodeOptions, PeerloomError, type Protocol } from '../../src/index.ts';
import { engines } from '../support/engines.ts';
import { withCode } from '../support/errors.ts';
import { RecordingProtocol } from '../support/recording-protocol.ts';
import { startDurable } from '../support/start-durable.ts';
import { connect, startNodes, startPair } from '../support/start-nodes.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

suite('protocols beside messages', () => {
  for (const engine of engines) {
    test(`over ${engine.name}: both sides speak as soon as both connect handlers were called`, async (t) => {
      const [one, other] = [new RecordingProtocol('gossip/1'), new RecordingProtocol('gossip/1')];
      const unshared = new RecordingProtocol('unshared/1');
      const protocols = [[unshared, one], [other]];
      const [a, b] = await startNodes(t, 2, {
        engine,
        options: (index) => ({ protocols: protocols[index]! }),
      });
      a.on('outbound_node_connected', () => void one.told.push('connect handler'));
      await connect(a, b);
      const large = 'x'.repeat(1_000_000);
      (await one.peer('b')).send(text('hello'));
      (await one.peer('b')).send(text(large));
      await other.until(() => other.told.length === 3);
      assert.deepEqual(other.told, ['opened a', 'a: hello', `a: ${large.slice(0, 100)}`]);
      (await other.peer('a')).send(text('hi'));
      await one.until(() => one.told.length === 3);
      assert.deepEqual(one.told, ['connect handler', 'opened b', 'b: hi']);
      assert.equal(one.host.id, a.id);
      const peer = await one.peer('b');
      assert.deepEqual([peer.id, peer.connection], [b.id, a.peer(b)]);
      await a.stop();
      await other.until(() => other.told.length === 4);
      assert.deepEqual([one.told.at(-1), other.told.at(-1)], ['closed b', 'closed a']);
      assert.equal(peer.send(text('late')), false);
      assert.equal(one.host.peers.size, 0);
      assert.deepEqual(unshared.told, []);
    });
  }

  test('never wait for a message handler, nor for messages that may not be sent yet', async (t) => {
    const [one, other] = [new RecordingProtocol('gossip/1'), new RecordingProtocol('gossip/1')];
    const { a, b, connection } = await startPair(t, {
      options: (index) => ({ protocols: [index === 0 ? one : other] }),
    });
    let release = (): void => {};
    b.on('node_message', () => new Promise<void>((resolve) => (release = resolve)));
    const peer = await one.peer('b');
    for (let sent = 0; sent < 30; sent++) connection.send(new Uint8Array(1_000_000));
    peer.send(text('meanwhile'));
    await other.until(() => other.told.includes('a: meanwhile'));
    assert.equal(b.of('node_message').length, 1);
    assert.throws(() => {
      for (;;) connection.send(new Uint8Array(1_000_000));
    }, withCode('ERR_QUEUE_FULL'));
    assert.equal(peer.send(text('still')), true);
    await other.until(() => other.told.includes('a: still'));
    release();
    await a.stop();
  });

  test('whose handler is slow hold back their own frames alone, and the sender is told', async (t) => {
    const [one, other] = [new RecordingProtocol('gossip/1'), new RecordingProtocol('gossip/1')];
    const { b, connection } = await startPair(t, {
      options: (index) => ({
        protocols: [index === 0 ? one : other],
        limits: { unhandledMaxBytes: 100_000 },
      }),
    });
    const handled = Promise.withResolvers<void>();
    other.onReceived = () => handled.promise;
    const peer = await one.peer('b');
    let sent = 0;
    while (peer.send(new Uint8Array(10_000))) sent += 1;
    connection.send('a message passes');
    await b.event('node_message');
    assert.ok(other.told.length - 1 <= 11, `${other.told.length - 1} are under way`);
    handled.resolve();
    await other.until(() => other.told.length - 1 === sent + 1);
    await peer.drained();
    assert.equal(peer.send(text('x')), true);
  });

  test('end the connection of a peer that they cannot bear, which is told why', async (t) => {
    for (const [error, message, reports] of [
      [new PeerloomError('ERR_PROTOCOL', 'you lie'), 'gossip/1: you lie', 0],
      [new TypeError('a bug'), 'gossip/1: the other side could not handle it', 1],
    ] as const) {
      for (const fail of [
        () => {
          throw error;
        },
        () => Promise.reject(error),
      ]) {
        const [one, other] = [new RecordingProtocol('gossip/1'), new RecordingProtocol('gossip/1')];
        const { a, b } = await startPair(t, {
          options: (index) => ({ protocols: [index === 0 ? one : other] }),
        });
        other.onReceived = fail;
        (await one.peer('b')).send(text('x'));
        await a.event('outbound_node_disconnected');
        const { closeReason } = a.of('outbound_node_disconnected')[0]!.peer!;
        assert.deepEqual(
          [closeReason?.code, closeReason?.by, closeReason?.message],
          ['protocol', 'them', message],
        );
        assert.equal(b.of('node_error').length, reports);
      }
    }
  });

  test('that throw in opened or closed are reported, and the connection goes on', async (t) => {
    const broken: Protocol = {
      name: 'broken/1',
      attach() {},
      opened: () => {
        throw new Error('no');
      },
      received() {},
      closed: () => {
        throw new Error('never');
      },
    };
    const { a, b, connection } = await startPair(t, { options: { protocols: [broken] } });
    connection.send('x');
    await b.event('node_message');
    await a.stop();
    const [first, second] = a.of('node_error').map(({ data }) => (data as { error: Error }).error);
    assert.match(`${first}`, /the protocol broken\/1 failed: no/);
    assert.match(`${second}`, /the protocol broken\/1 failed: never/);
    assert.deepEqual(
      [first, second].map((error) => `${error!.cause}`),
      ['Error: no', 'Error: never'],
    );
  });

  test('send bytes, and nothing that only looks like bytes', async (t) => {
    const [one, other] = [new RecordingProtocol('gossip/1'), new RecordingProtocol('gossip/1')];
    await startPair(t, { options: (index) => ({ protocols: [index === 0 ? one : other] }) });
    const peer = await one.peer('b');
    for (const wrong of [
      'text',
      null,
      [1],
      new ArrayBuffer(1),
      new Uint16Array(1),
      new Uint8ClampedArray(1),
    ]) {
      assert.throws(() => peer.send(wrong as never), /^TypeError: a protocol sends a Uint8Array, not /);
    }
    assert.throws(() => peer.send({ [Symbol.toStringTag]: 'Uint8Array' } as Uint8Array), TypeError);
    assert.equal(peer.send(Buffer.from('bytes')), true);
    await other.until(() => other.told.includes('a: bytes'));
  });

  test('choose whether their frames outlive a link', async (t) => {
    const make = () => [
      new RecordingProtocol('lasting/1'),
      new RecordingProtocol('fleeting/1', { outlivesLinks: false }),
    ];
    const [ours, theirs] = [make(), make()];
    // Only the protocol of this package hears of broken links: users have no such method.
    for (const protocol of ours) {
      Object.assign(protocol, { unlinked: () => protocol.told.push('unlinked') });
    }
    const pair = await startDurable(t, { dialler: { protocols: ours }, listener: { protocols: theirs } });
    const peers = await Promise.all(ours.map((protocol) => protocol.peer('b')));
    await pair.lose();
    assert.equal(peers[0]!.send(text('kept')), true);
    assert.equal(peers[1]!.send(text('lost')), false);
    assert.deepEqual(ours[0]!.told, ['opened b']);
    assert.deepEqual(ours[1]!.told, ['opened b', 'closed b']);
    await pair.comeBack();
    (await ours[1]!.peer('b')).send(text('new'));
    assert.equal(peers[1]!.send(text('of the lost link')), false);
    await theirs[1]!.until(() => theirs[1]!.told.includes('a: new'));
    assert.deepEqual(theirs[0]!.told, ['opened a', 'a: kept']);
    assert.deepEqual(theirs[1]!.told, ['opened a', 'closed a', 'opened a', 'a: new']);
  });
});

suite('the option protocols', () => {
  const good: Protocol = { name: 'good/1', attach() {}, opened() {}, received() {}, closed() {} };
  const named = (name: unknown): Protocol => ({ ...good, name: name as string });
  for (const [protocols, error] of [
    ['gossip', TypeError],
    [[{}], TypeError],
    [[null], TypeError],
    [[{ ...good, received: undefined }], TypeError],
    [[named('')], TypeError],
    [[named('a b')], TypeError],
    [[named('x'.repeat(65))], TypeError],
    [[named(5)], TypeError],
    [[good, good], TypeError],
    [Array.from({ length: 33 }, (_, index) => named(`${index}`)), RangeError],
  ] as const) {
    test(`refuses ${JSON.stringify(protocols).slice(0, 40)}`, () => {
      assert.throws(() => new Node('127.0.0.1', 0, { protocols } as unknown as NodeOptions), error);
    });
  }
});
