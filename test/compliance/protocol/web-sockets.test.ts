import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { tcp, webSocket } from '../../../src/index.ts';
import { aeadOf } from '../../../src/transport/noise/aead.ts';
import { CipherState } from '../../../src/transport/noise/cipher-state.ts';
import { recordsPerKey } from '../../../src/transport/noise/records-per-key.ts';
import { identityOfSeed, newIdentity } from './second-identity.ts';
import { eventOf, preSharedKey, startNode, tracked } from './second-links.ts';
import { noiseProof, provenId, Sealing, SecondNoise } from './second-noise.ts';
import { frame, kinds } from './second-peer.ts';
import {
  acceptNoise,
  cipherOf,
  dialNoise,
  opcodes,
  prologueOf,
  recordKinds,
  requestOf,
  SecondWebSocket,
  type SecondWebSocketLink,
  subprotocols,
  uint32,
} from './second-web-socket.ts';

const transports = () => [webSocket()];

/** A link of the second implementation, and the handshake over it. */
async function connected(t: TestContext, port: number): Promise<SecondWebSocketLink> {
  const { link } = await dialNoise(await opened(t, port));
  await tracked(link.stream as unknown as Socket).shakeHands();
  return link;
}

async function opened(t: TestContext, port: number, options = {}): Promise<SecondWebSocket> {
  const webSocket = await SecondWebSocket.open(port, options);
  t.after(() => webSocket.carrier.destroy());
  return webSocket;
}

/** Listens for what a node dials. */
async function listen(t: TestContext): Promise<{ port: number; socket: Promise<Socket> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const socket = once(server, 'connection').then(([one]) => one as Socket);
  return { port: (server.address() as AddressInfo).port, socket };
}

suite('protocol 16: links over WebSocket', () => {
  for (const offered of [[subprotocols[0]], [subprotocols[1]], subprotocols, [...subprotocols].reverse()]) {
    test(`16.1, 16.5, 16.6 a dialler that offers ${offered.join(', ')}`, async (t) => {
      const node = await startNode(t, { transports: transports(), network: 'ours' });
      const opening = await opened(t, node.port, { offered, path: '/any/path?at=all' });
      assert.equal(opening.chosen, offered[0]);
      const { link, remoteId, identity } = await dialNoise(opening, { network: 'ours' });
      assert.equal(remoteId, node.id);
      const arrival = eventOf(node, 'inbound_node_connected');
      await tracked(link.stream as unknown as Socket).shakeHands({ network: 'ours' });
      const [connection] = await arrival;
      assert.equal(connection.id, identity.id);
      assert.deepEqual(connection.security, { protocol: 'websocket', encrypted: true, authenticated: true });
    });
  }

  test('16.1 unknown subprotocols are passed over, and others are refused', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const offered = ['peerloom.2.aesgcm', 'peerloom.1.chachapoly'];
    const opening = await opened(t, node.port, { offered });
    assert.equal(opening.chosen, 'peerloom.1.chachapoly');
    await dialNoise(opening);
    await assert.rejects(opened(t, node.port, { offered: ['peerloom.2.aesgcm'] }), /HTTP\/1\.1 400/);
    // An extension that a dialler offers is not agreed to, or open() throws.
    await opened(t, node.port, { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } });
  });

  test('16.1 a dialler gives up a listener that chose what it did not offer', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const { port, socket } = await listen(t);
    const dial = node.connectWithNode(`ws://127.0.0.1:${port}`);
    const accepting = SecondWebSocket.accept(await socket, () => 'peerloom.2.aesgcm');
    await assert.rejects(dial, { code: 'ERR_HANDSHAKE' });
    await (await accepting).closed;
  });

  test('16.2 a request on the port of TLS', async (t) => {
    const node = await startNode(t, { transports: [tcp({ accept: ['tls', 'websocket'] })] });
    assert.equal((await dialNoise(await opened(t, node.port))).remoteId, node.id);
    assert.match(await (await fetch(`http://127.0.0.1:${node.port}`)).text(), /peerloom/);
  });

  test('16.3 a page of another host is refused', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const from = (Origin: string, Host: string) => opened(t, node.port, { headers: { Origin, Host } });
    await from('http://127.0.0.1:80', '127.0.0.1:10001');
    await assert.rejects(from('https://example.org', '127.0.0.1:10001'), /HTTP\/1\.1 403/);
    await assert.rejects(from('https://example.org', 'example.org'), /HTTP\/1\.1 403/);
  });

  test('16.3 pages of this machine are limited by its address', async (t) => {
    const limits = { maxInboundPerAddress: 1 };
    const node = await startNode(t, { transports: transports(), limits });
    const page = { headers: { Origin: 'http://127.0.0.1' } };
    const first = await dialNoise(await opened(t, node.port, page));
    await tracked(first.link.stream as unknown as Socket).shakeHands();
    const { link } = await dialNoise(await opened(t, node.port, page));
    const peer = tracked(link.stream as unknown as Socket);
    const goodbye = JSON.parse((await peer.expect(kinds.goodbye)).body.toString());
    assert.equal(goodbye.code, 'full');
    await connected(t, node.port);
  });

  for (const when of ['in the handshake', 'after it'] as const) {
    test(`16.4 a text message ${when}`, async (t) => {
      const node = await startNode(t, { transports: transports() });
      const opening =
        when === 'after it' ? (await connected(t, node.port)).webSocket : await opened(t, node.port);
      opening.send(opcodes.text, Buffer.from('text'));
      await opening.closed;
    });
  }

  test('16.4 messages in fragments, and pings between them', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const opening = await opened(t, node.port);
    const noise = new SecondNoise({ role: 'initiator', cipher: 'AESGCM', prologue: prologueOf(opening) });
    const first = noise.write();
    for (let at = 0; at < first.length; at++) {
      const isLast = at === first.length - 1;
      opening.send(at === 0 ? opcodes.binary : opcodes.continuation, first.subarray(at, at + 1), { isLast });
      if (at < 20) opening.send(opcodes.ping, Buffer.of(at));
    }
    for (let at = 0; at < 20; at++) {
      assert.deepEqual(await opening.next(), { opcode: opcodes.pong, payload: Buffer.of(at) });
    }
    assert.equal(provenId(noise.read(await opening.message()), noise), node.id);
  });

  test('16.4, 16.8 a message that is longer than 65,535 bytes', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const link = await connected(t, node.port);
    link.webSocket.send(opcodes.binary, Buffer.alloc(8), { length: 65_536 });
    await link.webSocket.closed;
  });

  test('16.5 a network key, as psk0', async (t) => {
    const networkKey = 'a shared key';
    const node = await startNode(t, { transports: transports(), networkKey });
    const psk = preSharedKey(networkKey);
    const { remoteId, link } = await dialNoise(await opened(t, node.port), { psk });
    assert.equal(remoteId, node.id);
    await tracked(link.stream as unknown as Socket).shakeHands();
  });

  test('16.7 who holds another network key, or none, is told by the code 4001', async (t) => {
    for (const [ours, theirs] of [
      ['a shared key', 'another key'],
      ['a shared key', undefined],
      [undefined, 'another key'],
    ]) {
      const node = await startNode(t, {
        transports: transports(),
        ...(ours === undefined ? {} : { networkKey: ours }),
      });
      const opening = await opened(t, node.port);
      const psk = theirs === undefined ? undefined : preSharedKey(theirs);
      const noise = new SecondNoise({
        role: 'initiator',
        cipher: 'AESGCM',
        prologue: prologueOf(opening),
        psk,
      });
      opening.send(opcodes.binary, noise.write());
      assert.deepEqual(await opening.next(), { opcode: opcodes.close, payload: Buffer.from([0x0f, 0xa1]) });
      await opening.closed;
    }
  });

  test('16.7 a payload in the first message', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const opening = await opened(t, node.port);
    const noise = new SecondNoise({ role: 'initiator', cipher: 'AESGCM', prologue: prologueOf(opening) });
    opening.send(opcodes.binary, noise.write(Buffer.of(1)));
    assert.equal((await opening.next()).opcode, opcodes.close);
    await opening.closed;
  });

  test('16.5 a dialler with another prologue', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const opening = await opened(t, node.port);
    const prologue = prologueOf({ ...opening, offered: [...subprotocols].reverse(), chosen: opening.chosen });
    const noise = new SecondNoise({ role: 'initiator', cipher: 'AESGCM', prologue });
    opening.send(opcodes.binary, noise.write());
    const second = await opening.message();
    assert.throws(() => noise.read(second));
    opening.send(opcodes.binary, Buffer.alloc(192));
    await opening.closed;
  });

  const wrongProofs: Record<string, (noise: SecondNoise) => Buffer> = {
    'for another static key': () =>
      noiseProof(
        newIdentity(),
        new SecondNoise({ role: 'initiator', cipher: 'AESGCM', prologue: Buffer.alloc(0) }),
      ),
    'of another identity': (noise) =>
      Buffer.concat([newIdentity().publicKey, noiseProof(newIdentity(), noise).subarray(32)]),
    'of a key of small order': (noise) =>
      Buffer.concat([Buffer.alloc(32), noiseProof(newIdentity(), noise).subarray(32)]),
    'that is too short': (noise) => noiseProof(newIdentity(), noise).subarray(1),
  };
  for (const [name, proofOf] of Object.entries(wrongProofs)) {
    test(`16.6 a proof ${name}, of a dialler and of a listener`, async (t) => {
      const node = await startNode(t, { transports: transports() });
      const opening = await opened(t, node.port);
      const noise = new SecondNoise({
        role: 'initiator',
        cipher: cipherOf(opening.chosen),
        prologue: prologueOf(opening),
      });
      opening.send(opcodes.binary, noise.write());
      noise.read(await opening.message());
      opening.send(
        opcodes.binary,
        noise.write(Buffer.concat([proofOf(noise), createHash('sha256').digest()])),
      );
      await opening.closed;

      const { port, socket } = await listen(t);
      const dial = node.connectWithNode(`ws://127.0.0.1:${port}`);
      dial.catch(() => {});
      const accepted = await SecondWebSocket.accept(await socket);
      const responder = new SecondNoise({
        role: 'responder',
        cipher: cipherOf(accepted.chosen),
        prologue: prologueOf(accepted),
      });
      responder.read(await accepted.message());
      accepted.send(opcodes.binary, responder.write(proofOf(responder)));
      await assert.rejects(dial, { code: 'ERR_HANDSHAKE' });
      await assert.rejects(accepted.message(), 'the node sends no proof of its own');
    });
  }

  test('16.6 a hello of another network than that of the proof', async (t) => {
    const node = await startNode(t, { transports: transports(), network: 'ours' });
    const { link } = await dialNoise(await opened(t, node.port), { network: 'theirs' });
    await assert.rejects(tracked(link.stream as unknown as Socket).shakeHands({ network: 'ours' }));
  });

  test('16.5, 16.6, 2.14 a node that dials: its messages, its network, and whom it proves its id to', async (t) => {
    const node = await startNode(t, { transports: transports(), network: 'ours' });
    const { port, socket } = await listen(t);
    const dial = node.connectWithNode(`ws://127.0.0.1:${port}/path`);
    const accepted = await SecondWebSocket.accept(await socket);
    assert.deepEqual(new Set(accepted.offered), new Set(subprotocols));
    const { link, remoteId, networkHash, identity } = await acceptNoise(accepted);
    assert.equal(remoteId, node.id);
    assert.deepEqual(networkHash, createHash('sha256').update('ours').digest());
    await tracked(link.stream as unknown as Socket).answerHandshake({ network: 'ours' });
    assert.equal((await dial).id, identity.id);

    const other = await listen(t);
    const { id } = identityOfSeed(new Uint8Array(32));
    const pinned = node.connectWithNode(`ws://127.0.0.1:${other.port}`, { id });
    pinned.catch(() => {});
    const unwanted = await SecondWebSocket.accept(await other.socket);
    await assert.rejects(acceptNoise(unwanted), /the WebSocket has ended/);
    await assert.rejects(pinned, { code: 'ERR_ID_MISMATCH' });
  });

  for (const cipher of ['AESGCM', 'ChaChaPoly'] as const) {
    test(`16.8 records of ${cipher}, whose key changes after so many`, () => {
      assert.equal(recordsPerKey, 1_048_576);
      const key = Buffer.alloc(32, 7);
      const ours = new CipherState(aeadOf(cipher), key, 3);
      const theirs = new Sealing(cipher, key, 3);
      for (let record = 0; record < 10; record++) {
        assert.deepEqual(Buffer.from(ours.seal(Buffer.of(record))), theirs.seal(Buffer.of(record)));
      }
    });
  }

  const breaches: Record<string, [kind: number, content: Uint8Array][]> = {
    'an unknown kind': [[3, Buffer.of(1)]],
    'data without bytes': [[recordKinds.data, Buffer.alloc(0)]],
    'a credit of three bytes': [[recordKinds.credit, Buffer.alloc(3)]],
    'a credit of 256': [[recordKinds.credit, uint32(256)]],
    'a credit for what was not sent': [[recordKinds.credit, uint32(1_048_576)]],
    'an end with content': [[recordKinds.end, Buffer.of(1)]],
    'data after the end': [
      [recordKinds.end, Buffer.alloc(0)],
      [recordKinds.data, Buffer.of(1)],
    ],
  };
  for (const [name, records] of Object.entries(breaches)) {
    test(`16.9, 16.10, 16.11 ${name} is a breach, or the end`, async (t) => {
      const node = await startNode(t, { transports: transports() });
      const link = await connected(t, node.port);
      for (const [kind, content] of records) link.record(kind, content);
      await link.webSocket.closed;
    });
  }

  test('16.8 a record that was altered, or comes twice, is a breach', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const link = await connected(t, node.port);
    link.webSocket.send(opcodes.binary, Buffer.alloc(40));
    await link.webSocket.closed;
  });

  test('16.10 credit comes back for data that was read', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const link = await connected(t, node.port);
    const pong = frame(kinds.pong, uint32(1));
    for (let round = 0; round < 20; round++) {
      for (let count = 0; count < 500; count++) link.record(recordKinds.data, pong);
      while (link.credit < 1_048_576 - 98_304) await once(link.webSocket.carrier, 'data');
    }
  });

  test('16.10 a node that sends waits for credit', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const arrival = eventOf(node, 'inbound_node_connected');
    const { link } = await dialNoise(await opened(t, node.port));
    link.givesCredit = false;
    await tracked(link.stream as unknown as Socket).shakeHands();
    const [connection] = await arrival;
    for (let count = 0; count < 4; count++) connection.send(new Uint8Array(500_000));
    let before = -1;
    while (before !== link.receivedCost) {
      before = link.receivedCost;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(link.receivedCost > 900_000 && link.receivedCost <= 1_048_576, `${link.receivedCost}`);
  });

  test('16.11 an end, and the answer to it', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const link = await connected(t, node.port);
    const left = eventOf(node, 'inbound_node_disconnected');
    link.stream.end();
    await link.webSocket.closed;
    await left;
    assert.equal(link.hasEnded, true);
  });

  test('16.1 is asked for by a request that ends', async (t) => {
    const node = await startNode(t, { transports: transports() });
    const socket = connect(node.port, '127.0.0.1').on('error', () => {});
    socket.end(requestOf());
    socket.resume();
    await once(socket, 'close');
  });
});
