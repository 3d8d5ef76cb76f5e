import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { createSecureContext, TLSSocket } from 'node:tls';
import { Identity, type Runtime, systemRuntime, tcp } from '../../../src/index.ts';
import {
  type CertificateOptions,
  certificateOf,
  der,
  identityOfSeed,
  idOf,
  newIdentity,
  type SecondIdentity,
  signedBy,
} from './second-identity.ts';
import {
  checkDialProof,
  connectPlain,
  type DialProofFields,
  dialPlain,
  dialProof,
  dialRaw,
  dialTls,
  dialWithKey,
  eventOf,
  exchangeProofs,
  hashOf,
  listenPlain,
  type OpenedTls,
  type Openings,
  openPlain,
  openTls,
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

  test('2.4, 2.5, 2.6 a dialler, seen by the listener: it offers peerloom, and proves its id', async (t) => {
    const node = await startNode(t, { network: 'ours' });
    const { port, identity, accepted, cert } = await listenTls(t);
    const connected = node.connectWithNode('127.0.0.1', port);
    const secured = await accepted;
    assert.equal(secured.alpnProtocol, 'peerloom');
    assert.equal(secured.getProtocol(), 'TLSv1.3');
    const peer = tracked(secured);
    const proof = await peer.read(144);
    const dialled = { certificateHash: hashOf(cert), listenerKey: identity.publicKey };
    assert.equal(idOf(checkDialProof(proof, dialled)), node.id);
    assert.deepEqual(proof.subarray(48, 80), createHash('sha256').update('ours').digest());
    await peer.answerHandshake({ network: 'ours' });
    assert.equal((await connected).id, identity.id);
  });

  test('2.4 a listener selects peerloom and refuses a dialler that offers others only', async (t) => {
    const node = await startNode(t);
    const peer = await dialTls(node, { ALPNProtocols: ['h2', 'peerloom'] });
    assert.equal((peer.socket as TLSSocket).alpnProtocol, 'peerloom');
    await assert.rejects(dialTls(node, { ALPNProtocols: ['h2'] }));
  });

  test('2.3, 2.5 a listener shows one certificate with a key of its own, which its identity has signed', async (t) => {
    const [node, other] = [await startNode(t), await startNode(t)];
    const opened: OpenedTls[] = [];
    for (const each of [node, node, other]) {
      const tls = await openTls(each);
      assert.equal(tls.peer.remoteId, each.id);
      assert.equal(tls.certificates, 1);
      opened.push(tls);
    }
    const [first, again, another] = opened.map(({ certificate }) => certificate);
    assert.equal(first!.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    assert.deepEqual(again!.raw, first!.raw);
    assert.equal(another!.publicKey.equals(first!.publicKey), false);
  });

  test('2.5 of a certificate the extension alone counts: ours is expired, and has others and another name', async (t) => {
    const node = await startNode(t);
    const unknown = der(0x30, Buffer.from('06032a0304', 'hex'), der(0x04, Buffer.alloc(3_000)));
    const { port, identity, accepted } = await listenTls(t, {
      name: 'x'.repeat(60),
      key: generateKeyPairSync('ed25519').privateKey,
      before: [unknown],
    });
    const connected = node.connectWithNode('127.0.0.1', port, { id: identity.id });
    const peer = tracked(await accepted);
    await peer.read(144);
    await peer.answerHandshake();
    assert.equal((await connected).id, identity.id);
  });

  const stranger = newIdentity();
  for (const [what, options] of Object.entries({
    'without the extension': { signedKey: () => undefined },
    'signed by another node than it names': {
      signedKey: (keyInfo) => ({ ...signedBy(stranger)(keyInfo), publicKey: newIdentity().publicKey }),
    },
    'signed for another key': {
      signedKey: () => signedBy(stranger)(randomBytes(91)),
    },
    'with a signature too short': {
      signedKey: (keyInfo) => {
        const { publicKey, signature } = signedBy(stranger)(keyInfo);
        return { publicKey, signature: signature.subarray(1) };
      },
    },
    'with a key of another length': {
      signedKey: (keyInfo) => ({ ...signedBy(stranger)(keyInfo), publicKey: Buffer.alloc(33) }),
    },
    'of more than 4,096 bytes': {
      before: [der(0x30, Buffer.from('06032a0304', 'hex'), der(0x04, Buffer.alloc(4_000)))],
    },
  } satisfies Record<string, CertificateOptions>)) {
    test(`2.5 a listener with a certificate ${what} is refused, and gets no proof`, async (t) => {
      const node = await startNode(t);
      const { port, heard } = await listenTls(t, options);
      await assert.rejects(node.connectWithNode('127.0.0.1', port), { code: 'ERR_HANDSHAKE' });
      assert.equal(await heard, 0);
    });
  }

  test('2.6 a listener does not ask for a certificate: a dialler that has one keeps it to itself', async (t) => {
    const node = await startNode(t);
    const padding = der(0x30, Buffer.from('06032a0304', 'hex'), der(0x04, Buffer.alloc(10_000)));
    const carrier = connect({ host: '127.0.0.1', port: node.port });
    const certificate = certificateOf(newIdentity(), { before: [padding] });
    const { peer, ...dialled } = await openTls(node, { socket: carrier, ...certificate });
    peer.write(dialProof(newIdentity(), dialled));
    await peer.shakeHands();
    assert.ok(carrier.bytesWritten < 5_000, `it sent ${carrier.bytesWritten} bytes`);
  });

  test('2.6 a dialler proves its id, and may say its hello in the same piece', async (t) => {
    const node = await startNode(t);
    const identity = newIdentity();
    const connected = eventOf(node, 'inbound_node_connected');
    const { peer, ...dialled } = await openTls(node);
    peer.write(dialProof(identity, dialled), hello());
    await peer.expect(kinds.hello);
    await peer.expect(kinds.accept);
    peer.write(frame(kinds.accept));
    assert.equal((await connected)[0].id, identity.id);
  });

  test('2.6 a proof that comes byte by byte', async (t) => {
    const { peer, ...dialled } = await openTls(await startNode(t));
    for (const byte of dialProof(newIdentity(), dialled)) peer.socket.write(Buffer.of(byte));
    await peer.shakeHands();
  });

  for (const [what, fields] of Object.entries({
    'for another certificate': { certificateHash: randomBytes(32) },
    'for another listener': { listenerKey: newIdentity().publicKey },
    'by another key than it shows': { shown: newIdentity().publicKey },
    'of other words': { words: 'peerloom dial proof 2 ' },
  } satisfies Record<string, Partial<DialProofFields>>)) {
    test(`2.6 a proof ${what} is refused`, async (t) => {
      const { peer, ...dialled } = await openTls(await startNode(t));
      peer.write(dialProof(newIdentity(), { ...dialled, ...fields }), hello());
      await peer.end();
    });
  }

  test('2.6 a proof with one bit changed, wherever it is, is refused', async (t) => {
    const node = await startNode(t);
    for (let at = 0; at < 144; at += 8) {
      const { peer, ...dialled } = await openTls(node);
      const proof = dialProof(newIdentity(), dialled);
      proof[at]! ^= 1;
      peer.write(proof, hello());
      await peer.end();
    }
  });

  test('2.6 a nonce counts once for a certificate, whoever comes with it', async (t) => {
    const node = await startNode(t);
    const nonce = randomBytes(16);
    const first = await openTls(node);
    const proof = dialProof(newIdentity(), { ...first, nonce });
    first.peer.write(proof);
    await first.peer.shakeHands();
    for (const again of [proof, dialProof(newIdentity(), { ...first, nonce })]) {
      const { peer, certificateHash } = await openTls(node);
      assert.deepEqual(certificateHash, first.certificateHash);
      peer.write(again, hello());
      await peer.end();
    }
  });

  test('2.5, 2.6 after an hour a listener shows another certificate, and a proof for the older one is refused', async (t) => {
    let passedMs = 0;
    const runtime: Runtime = { ...systemRuntime, now: () => systemRuntime.now() + passedMs };
    const node = await startNode(t, { runtime });
    const first = await openTls(node);
    passedMs = 60 * 60 * 1_000;
    const { peer, ...second } = await openTls(node);
    assert.notDeepEqual(second.certificateHash, first.certificateHash);
    assert.equal(second.certificate.publicKey.equals(first.certificate.publicKey), false, 'with another key');
    peer.write(dialProof(newIdentity(), first), hello());
    await peer.end();
    const third = await dialTls(node);
    await third.shakeHands();
  });

  test('2.6, 4.6 a proof for another network gets the goodbye of another network', async (t) => {
    const node = await startNode(t, { network: 'ours' });
    const peer = await dialTls(node, { network: 'theirs' });
    peer.write(hello({ network: 'theirs' }));
    assert.equal((await peer.goodbye()).code, 'network');
  });

  test('2.6 a hello of another network than that of the proof is a breach', async (t) => {
    const node = await startNode(t, { network: 'ours' });
    const peer = await dialTls(node, { network: 'theirs' });
    peer.write(hello({ network: 'ours' }));
    assert.equal((await peer.goodbye()).code, 'protocol');
  });

  test('2.14 a dialler that must reach another node proves nothing', async (t) => {
    const node = await startNode(t);
    const { port, heard } = await listenTls(t);
    const dialled = node.connectWithNode('127.0.0.1', port, { id: newIdentity().id });
    await assert.rejects(dialled, { code: 'ERR_ID_MISMATCH' });
    assert.equal(await heard, 0);
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
    const secureContext = createSecureContext(certificateOf(newIdentity()));
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

  test('4.3 a dialler that says too much with the end of its handshake is refused', async (t) => {
    const node = await startNode(t, { limits: { maxHandshakeBytes: 1_024 } });
    for (const [length, isLong] of [
      [1_000, false],
      [4_000, true],
    ] as const) {
      const identity = newIdentity();
      const { peer, openings } = await openPlain(node, identity);
      const failed = eventOf(node, 'connection_error');
      peer.write(plainSignature(identity, 'client', openings), hello(), Buffer.alloc(length));
      const [, { message }] = await failed;
      assert.equal(/its handshake was longer than 1024 bytes/.test(message), isLong, message);
      if (isLong) await peer.end();
    }
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

/** A TLS listener of the second implementation, up to the end of TLS. */
async function listenTls(
  t: TestContext,
  options: CertificateOptions = {},
): Promise<{
  port: number;
  identity: SecondIdentity;
  cert: string;
  accepted: Promise<TLSSocket>;
  /** How many bytes came inside TLS, once a connection that is not accepted has ended. */
  heard: Promise<number>;
}> {
  const identity = newIdentity();
  const { cert, key } = certificateOf(identity, options);
  const secureContext = createSecureContext({ cert, key });
  const accepted = Promise.withResolvers<TLSSocket>();
  const heard = Promise.withResolvers<number>();
  const port = await listen(t, (socket) => {
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext,
      ALPNProtocols: ['h2', 'peerloom'],
    });
    secured.on('error', () => {}).once('secure', () => accepted.resolve(secured));
    secured.once('close', () => heard.resolve(secured.bytesRead));
  });
  return { port, identity, cert, accepted: accepted.promise, heard: heard.promise };
}

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
