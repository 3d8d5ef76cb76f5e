import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { createSecureContext, TLSSocket } from 'node:tls';
import { Identity, tcp } from '../../../src/index.ts';
import { certificateOf, identityOfSeed, newIdentity, type SecondIdentity } from './second-identity.ts';
import {
  connectPlain,
  dialPlain,
  dialRaw,
  dialTls,
  dialWithKey,
  eventOf,
  exchangeProofs,
  listenPlain,
  type Openings,
  openPlain,
  plainSignature,
  preface,
  preSharedKey,
  proofOf,
  startNode,
  tracked,
} from './second-links.ts';
import { frame, hello, kinds, LinkEnded } from './second-peer.ts';

suite('protocol 1: identities', () => {
  test('1.1, 1.2 the id of a key', () => {
    const seed = randomBytes(32);
    const { id } = Identity.fromSeed(seed);
    assert.equal(id, identityOfSeed(seed).id);
    assert.match(id, /^12D3KooW.{44}$/);
  });
});

suite('protocol 2: links', () => {
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', 'PEERLM2\n', 'P\n', '\x15\x03\x01\x00\x02\x02\x28', '\0']) {
    test(`2.1 ${JSON.stringify(bytes)} gets no answer`, async (t) => {
      const peer = dialRaw(await startNode(t));
      peer.write(Buffer.from(bytes, 'latin1'));
      await peer.end();
    });
  }

  for (const bytes of [
    'GET / HTTP/1.1\r\n\r\n',
    'CONNECT a HTTP/1.1\r\n\r\n',
    'some-id:10001',
    '\x16\x09\0\0\0\0',
  ]) {
    test(`2.1 ${JSON.stringify(bytes)} gets no answer where TLS alone is allowed`, async (t) => {
      const peer = dialRaw(await startNode(t, { transports: [tcp()] }));
      peer.write(Buffer.from(bytes, 'latin1'));
      await peer.end();
    });
  }

  test('2.1, 2.2 plain gets no answer where it is not allowed', async (t) => {
    for (const transport of [tcp(), tcp({ accept: ['tls', 'p2pnetwork'] })]) {
      const peer = dialRaw(await startNode(t, { transports: [transport] }));
      peer.write(preface, randomBytes(32));
      await peer.end();
    }
  });

  test('2.2 a dialler does not fall back to plain', async (t) => {
    const firstBytes: number[] = [];
    const port = await listen(t, async (socket) => {
      const [bytes] = await once(socket, 'data');
      firstBytes.push(bytes[0]);
      socket.destroy();
    });
    const node = await startNode(t);
    await assert.rejects(node.connectWithNode('127.0.0.1', port));
    assert.deepEqual(firstBytes, [0x16]);
  });

  test('2.3 TLS 1.3 and no other', async (t) => {
    const node = await startNode(t);
    await assert.rejects(dialTls(node, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }));
  });

  for (const ciphers of [
    'TLS_AES_128_GCM_SHA256',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_256_GCM_SHA384',
  ]) {
    test(`2.3 ${ciphers}`, async (t) => {
      const peer = await dialTls(await startNode(t), { ciphers });
      await peer.shakeHands();
    });
  }

  test('2.3 another cipher suite is refused', async (t) => {
    await assert.rejects(dialTls(await startNode(t), { ciphers: 'TLS_AES_128_CCM_SHA256' }));
  });

  test('2.4, 2.5, 2.6 a dialler offers peerloom and shows its certificate', async (t) => {
    const identity = newIdentity();
    const secureContext = createSecureContext(certificateOf(identity.privateKey));
    const node = await startNode(t);
    const accepted = Promise.withResolvers<TLSSocket>();
    const port = await listen(t, (socket) => {
      const options = { isServer: true, secureContext, requestCert: true, ALPNProtocols: ['h2', 'peerloom'] };
      const secured = new TLSSocket(socket, options);
      secured.once('secure', () => accepted.resolve(secured));
    });
    const connected = node.connectWithNode('127.0.0.1', port);
    const secured = await accepted.promise;
    assert.equal(secured.alpnProtocol, 'peerloom');
    assert.equal(secured.getProtocol(), 'TLSv1.3');
    const key = secured.getPeerX509Certificate()!.publicKey;
    assert.equal(key.asymmetricKeyType, 'ed25519');
    const peer = tracked(secured);
    await peer.answerHandshake();
    assert.equal((await connected).id, identity.id);
  });

  test('2.4 a listener selects peerloom and refuses who offers others only', async (t) => {
    const node = await startNode(t);
    const peer = await dialTls(node, { ALPNProtocols: ['h2', 'peerloom'] });
    assert.equal((peer.socket as TLSSocket).alpnProtocol, 'peerloom');
    await assert.rejects(dialTls(node, { ALPNProtocols: ['h2'] }));
  });

  test('2.5 a dialler without a certificate is refused', async (t) => {
    const peer = await dialTls(await startNode(t), { cert: undefined, key: undefined });
    peer.write(hello());
    await peer.end();
  });

  test('2.6 of a certificate the key alone counts: ours is expired and has another name', async (t) => {
    const identity = newIdentity();
    const node = await startNode(t);
    const connected = eventOf(node, 'inbound_node_connected');
    const peer = await dialTls(node, certificateOf(identity.privateKey, 'x'.repeat(60)));
    assert.equal(peer.remoteId, node.id);
    await peer.shakeHands();
    assert.equal((await connected)[0].id, identity.id);
  });

  test('2.6 a key of another kind is refused', async (t) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const peer = await dialTls(await startNode(t), certificateOf(privateKey));
    peer.write(hello());
    await peer.end();
  });
});

suite('protocol 2: links with a network key', () => {
  const networkKey = 'a long and secret text, ñ';
  const withKey = () => ({ transports: [tcp()], networkKey });

  test('2.7, 2.9, 2.10 who holds the key gets in', async (t) => {
    const node = await startNode(t, withKey());
    const peer = await dialWithKey(node, networkKey);
    assert.equal(peer.remoteId, node.id);
    await peer.shakeHands();
    await peer.synced();
  });

  test('2.7 who holds another one does not', async (t) => {
    await assert.rejects(dialWithKey(await startNode(t, withKey()), 'another key'));
  });

  test('2.8 no certificates: a dialler with one does not get in', async (t) => {
    const node = await startNode(t, withKey());
    await assert.rejects(dialTls(node));
  });

  test('2.7, 2.8 a dialler uses the key, and leaves a listener that does not', async (t) => {
    const node = await startNode(t, withKey());
    const secureContext = createSecureContext(certificateOf(newIdentity().privateKey));
    const ends: Promise<void>[] = [];
    const port = await listen(t, (socket) => {
      ends.push(tracked(new TLSSocket(socket, { isServer: true, secureContext })).end());
    });
    await assert.rejects(node.connectWithNode('127.0.0.1', port), { code: 'ERR_NETWORK_MISMATCH' });
    assert.equal(ends.length, 1);
    await ends[0];
  });

  test('2.7, 2.9 a dialler, seen by the listener', async (t) => {
    const node = await startNode(t, withKey());
    const identity = newIdentity();
    const accepted = Promise.withResolvers<TLSSocket>();
    const port = await listen(t, (socket) => {
      const secured = new TLSSocket(socket, {
        isServer: true,
        secureContext: createSecureContext({ ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }),
        pskCallback: (_socket: unknown, name: string) => {
          assert.equal(name, 'peerloom');
          return preSharedKey(networkKey);
        },
      } as ConstructorParameters<typeof TLSSocket>[1]);
      secured.once('secure', () => accepted.resolve(secured));
    });
    const connected = node.connectWithNode('127.0.0.1', port);
    const secured = await accepted.promise;
    const binding = secured.exportKeyingMaterial(32, 'EXPORTER-peerloom-proof', Buffer.alloc(0));
    const peer = tracked(secured);
    await exchangeProofs(peer, identity, 'server', binding);
    assert.equal(peer.remoteId, node.id);
    await peer.answerHandshake();
    assert.equal((await connected).id, identity.id);
  });
});

suite('protocol 2: plain links', () => {
  test('2.11 both sides prove their ids', async (t) => {
    const node = await startNode(t);
    const identity = newIdentity();
    const connected = eventOf(node, 'inbound_node_connected');
    const peer = await connectPlain(node, { identity });
    assert.equal(peer.remoteId, node.id);
    assert.equal((await connected)[0].id, identity.id);
  });

  test('2.11 a dialler, seen by the listener', async (t) => {
    const node = await startNode(t);
    const listener = await listenPlain(t);
    const connected = node.connectWithNode(`tcp://127.0.0.1:${listener.port}`);
    const peer = await listener.accept();
    assert.equal(peer.remoteId, node.id);
    await peer.answerHandshake();
    await connected;
  });

  for (const [what, prove] of Object.entries({
    'over the openings in the other order': (openings, identity) =>
      plainSignature(identity, 'client', { dialler: openings.listener, listener: openings.dialler }),
    'for another listener': ({ dialler, listener }, identity) => {
      const other = Buffer.concat([listener.subarray(0, 40), newIdentity().publicKey]);
      return plainSignature(identity, 'client', { dialler, listener: other });
    },
    'of another link': ({ dialler, listener }, identity) => {
      const other = Buffer.concat([preface, randomBytes(32), listener.subarray(40)]);
      return plainSignature(identity, 'client', { dialler, listener: other });
    },
    'in the role of the other side': (openings, identity) => plainSignature(identity, 'server', openings),
    'by another key than the opening has': (openings) => plainSignature(newIdentity(), 'client', openings),
    'of clause 2.10': ({ dialler, listener }, identity) => {
      const binding = Buffer.concat([dialler, listener]);
      return proofOf(identity, 'client', binding).subarray(32);
    },
  } satisfies Record<string, (openings: Openings, identity: SecondIdentity) => Buffer>)) {
    test(`2.11 a signature ${what} is refused`, async (t) => {
      const identity = newIdentity();
      const { peer, openings } = await openPlain(await startNode(t), identity);
      peer.write(prove(openings, identity), hello());
      await peer.end();
    });
  }

  test('2.11 a listener that speaks something else is left', async (t) => {
    const port = await listen(t, (socket) => socket.write(`PEERLM2\n${'n'.repeat(128)}`));
    const node = await startNode(t);
    await assert.rejects(node.connectWithNode(`tcp://127.0.0.1:${port}`), { code: 'ERR_HANDSHAKE' });
  });

  test('2.14 a dialler that must reach another node proves nothing', async (t) => {
    const node = await startNode(t);
    const listener = await listenPlain(t);
    const dialled = node.connectWithNode(`tcp://127.0.0.1:${listener.port}`, { id: newIdentity().id });
    const mismatch = assert.rejects(dialled, { code: 'ERR_ID_MISMATCH' });
    await assert.rejects(listener.accept(), LinkEnded);
    await mismatch;
  });

  test('2.12 a handshake that comes byte by byte', async (t) => {
    const node = await startNode(t);
    const peer = await dialPlain(node);
    for (const byte of hello()) peer.socket.write(Buffer.of(byte));
    await peer.expect(kinds.hello);
    await peer.expect(kinds.accept);
    for (const byte of frame(kinds.accept)) peer.socket.write(Buffer.of(byte));
    await peer.synced();
  });

  test('2.13 a node does not talk with itself', async (t) => {
    const seed = randomBytes(32);
    const node = await startNode(t, { identity: Identity.fromSeed(seed) });
    const peer = await dialPlain(node, identityOfSeed(seed));
    peer.write(hello());
    assert.equal((await peer.goodbye()).code, 'self');
    const error = { code: 'ERR_SELF_CONNECTION' };
    await assert.rejects(node.connectWithNode('127.0.0.1', node.port), error);
  });
});

async function listen(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}
