import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Node } from '../../../src/index.ts';
import { connectPlain, dialPlain, eventOf, listenPlain, startNode } from './second-links.ts';
import { frame, hello, kinds, textMessage } from './second-peer.ts';

const neverConnected = (node: Node): void => {
  for (const event of ['inbound_node_connected', 'outbound_node_connected'] as const) {
    node.on(event, () => assert.fail(event));
  }
};

suite('protocol 4: the handshake', () => {
  test('4.1 from the side of the dialler', async (t) => {
    const node = await startNode(t, { name: 'first', network: 'n' });
    const connected = eventOf(node, 'inbound_node_connected');
    const peer = await dialPlain(node);
    peer.write(hello({ network: 'n' }));
    const { name, network, addresses, versions } = JSON.parse(
      (await peer.expect(kinds.hello)).body.toString(),
    );
    assert.deepEqual(
      { name, network, addresses, versions },
      { name: 'first', network: 'n', addresses: [...node.addresses], versions: [1, 1] },
    );
    assert.equal((await peer.expect(kinds.accept)).body.length, 0);
    assert.equal(node.allNodes.length, 0, 'not before our accept');
    peer.write(frame(kinds.accept));
    const [connection] = await connected;
    assert.deepEqual([connection.name, connection.port], ['second', 12_345]);
    assert.deepEqual(connection.addresses, ['tls://127.0.0.1:12345']);
  });

  test('4.1 messages right behind the accept of the dialler', async (t) => {
    const node = await startNode(t);
    const arrived = eventOf(node, 'node_message');
    const peer = await dialPlain(node);
    peer.write(hello());
    await peer.expect(kinds.hello);
    peer.write(frame(kinds.accept), textMessage('early'));
    assert.equal((await arrived)[1], 'early');
  });

  test('4.1, 4.3 from the side of the listener', async (t) => {
    const listener = await listenPlain(t);
    const node = await startNode(t);
    const connected = node.connectWithNode(`tcp://127.0.0.1:${listener.port}`);
    const peer = await listener.accept();
    const { length } = (await peer.expect(kinds.hello)).body;
    assert.ok(length <= 8_192);
    assert.equal(node.allNodes.length, 0);
    peer.write(hello(), frame(kinds.accept));
    await peer.expect(kinds.accept);
    (await connected).send('then messages');
    await peer.expect(kinds.message);
  });

  test('4.1 other frames than those of the handshake are a breach', async (t) => {
    for (const kind of [kinds.accept, kinds.ping, kinds.pong, kinds.part, kinds.message, kinds.response]) {
      const node = await startNode(t);
      neverConnected(node);
      const peer = await dialPlain(node);
      peer.write(frame(kind, '12345678'));
      assert.equal((await peer.goodbye()).code, 'protocol', `kind ${kind}`);
    }
  });

  test('4.2 fields that are not known, and what may be left out', async (t) => {
    const peer = await connectPlain(await startNode(t), {
      hello: { colour: 'green', replace: undefined, compressions: ['of the future', 7] },
    });
    await peer.synced();
  });

  const wrongFields: Record<string, unknown[]> = {
    versions: [undefined, 1, [], [1], [-1, 1], [2, 1], ['1', '1'], [1.5, 2]],
    network: [undefined, null, 1, 'x'.repeat(257), 'half \ud800'],
    addresses: [undefined, 'a:1', [1], ['x'.repeat(257)], ['a\n'], Array(9).fill('a:1')],
    name: [undefined, null, 1, 'x'.repeat(65), 'half \udc00'],
    instance: [undefined, null, 1, 'x'.repeat(65), '\ud800'],
    maxMessageBytes: [undefined, 0, -1, '1', 1e300],
    compressions: [undefined, null, 'zlib', {}],
  };
  for (const [field, values] of Object.entries(wrongFields)) {
    test(`4.2 a hello whose ${field} is wrong is a breach`, async (t) => {
      const node = await startNode(t);
      neverConnected(node);
      for (const value of values) {
        const peer = await dialPlain(node);
        peer.write(hello({ [field]: value }));
        assert.equal((await peer.goodbye()).code, 'protocol', JSON.stringify(value));
      }
    });
  }

  test('4.2 a hello that is no JSON object is a breach', async (t) => {
    const node = await startNode(t);
    for (const body of ['', '{', 'null', '"hello"', Buffer.of(0x22, 0xff, 0x22)]) {
      const peer = await dialPlain(node);
      peer.write(frame(kinds.hello, body));
      assert.equal((await peer.goodbye()).code, 'protocol');
    }
  });

  test('4.3 more than 8,192 bytes in all are a breach', async (t) => {
    const node = await startNode(t);
    neverConnected(node);
    const peer = await dialPlain(node);
    peer.write(hello({ padding: 'x'.repeat(5_000) }), frame(kinds.accept, 'x'.repeat(5_000)));
    assert.equal((await peer.goodbye()).code, 'protocol');
  });

  test('4.4 a dialler that goes silent', async (t) => {
    const node = await startNode(t, { limits: { handshakeTimeoutMs: 2_000 } });
    neverConnected(node);
    const silent = await dialPlain(node);
    assert.equal((await silent.goodbye()).code, 'timeout');
    const halfway = await dialPlain(node);
    halfway.write(hello());
    await halfway.expect(kinds.hello);
    await halfway.expect(kinds.accept);
    assert.equal((await halfway.goodbye()).code, 'timeout');
  });

  test('4.4 a listener that goes silent', async (t) => {
    const listener = await listenPlain(t);
    const node = await startNode(t, { limits: { handshakeTimeoutMs: 2_000 } });
    const refused = assert.rejects(node.connectWithNode(`tcp://127.0.0.1:${listener.port}`), {
      code: 'ERR_TIMEOUT',
    });
    const peer = await listener.accept();
    await peer.expect(kinds.hello);
    assert.equal((await peer.goodbye()).code, 'timeout');
    await refused;
  });

  for (const versions of [
    [1, 2],
    [0, 1_000],
  ]) {
    test(`4.5 who speaks versions ${versions.join(' to ')} gets in`, async (t) => {
      await connectPlain(await startNode(t), { hello: { versions } });
    });
  }

  test('4.5 who speaks later versions alone does not', async (t) => {
    const peer = await dialPlain(await startNode(t));
    peer.write(frame(kinds.hello, JSON.stringify({ versions: [2, 3], fields: 'of version 2' })));
    const { code, message } = await peer.goodbye();
    assert.equal(code, 'version');
    assert.match(message, /versions 1 to 1 .* 2 to 3/);
  });

  for (const [clause, fields, code] of [
    ['4.5', { versions: [2, 3] }, 'version'],
    ['4.6', { network: 'another' }, 'network'],
  ] as const) {
    test(`${clause} a dialler that meets another ${code} says so`, async (t) => {
      const listener = await listenPlain(t);
      const node = await startNode(t);
      neverConnected(node);
      const connected = node.connectWithNode(`tcp://127.0.0.1:${listener.port}`);
      const error = code === 'version' ? 'ERR_VERSION' : 'ERR_NETWORK_MISMATCH';
      const refused = assert.rejects(connected, { code: error });
      const peer = await listener.accept();
      await peer.expect(kinds.hello);
      peer.write(hello(fields), frame(kinds.accept));
      assert.equal((await peer.goodbye()).code, code);
      await refused;
    });
  }

  test('4.6 a dialler of another network is refused', async (t) => {
    const peer = await dialPlain(await startNode(t, { network: 'ours' }));
    peer.write(hello({ network: 'theirs' }));
    assert.equal((await peer.goodbye()).code, 'network');
  });

  test('4.7 a listener says goodbye in place of its hello, or of its accept', async (t) => {
    const listener = await listenPlain(t);
    const node = await startNode(t);
    neverConnected(node);
    for (const before of [[], [hello()]]) {
      const connected = node.connectWithNode(`tcp://127.0.0.1:${listener.port}`);
      const refused = assert.rejects(connected, { code: 'ERR_NOT_ALLOWED', message: /no room/ });
      const peer = await listener.accept();
      peer.write(...before, frame(kinds.goodbye, JSON.stringify({ code: 'full', message: 'no room' })));
      await peer.expect(kinds.hello);
      await peer.end();
      await refused;
    }
  });

  test('4.7 a dialler says goodbye in place of its accept', async (t) => {
    const node = await startNode(t);
    neverConnected(node);
    const peer = await dialPlain(node);
    peer.write(hello());
    await peer.expect(kinds.hello);
    await peer.expect(kinds.accept);
    peer.write(frame(kinds.goodbye, JSON.stringify({ code: 'refused', message: '' })));
    await peer.end();
    assert.equal(node.allNodes.length, 0);
  });

  test('4.7 a peer that is not admitted learns it', async (t) => {
    const node = await startNode(t, { authorize: () => false });
    neverConnected(node);
    const peer = await dialPlain(node);
    peer.write(hello());
    assert.equal((await peer.goodbye()).code, 'refused');
  });

  test('4.8 names are freed of what does not show', async (t) => {
    const node = await startNode(t);
    const connected = eventOf(node, 'inbound_node_connected');
    await connectPlain(node, { hello: { name: 'a\u001b[2J\u202e\u2028\u2029\u200bb' } });
    assert.equal((await connected)[0].name, 'a[2Jb');
  });
});
