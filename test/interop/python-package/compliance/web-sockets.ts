// Section 16 of docs/protocol.md, with and without a network key (2.7): the second implementation against a Python
// node, which listens and dials.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, suite, type TestContext, test } from 'node:test';
import { identityOfSeed, newIdentity } from '../../../compliance/protocol/second-identity.ts';
import { preSharedKey, tracked } from '../../../compliance/protocol/second-links.ts';
import { noiseProof, provenId, SecondNoise } from '../../../compliance/protocol/second-noise.ts';
import { frame, kinds, textMessage } from '../../../compliance/protocol/second-peer.ts';
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
} from '../../../compliance/protocol/second-web-socket.ts';
import { listenWebSocket, networkKey, PythonNode, psk } from './python-node.ts';

const peerOf = ({ stream }: SecondWebSocketLink) => tracked(stream as unknown as Socket);

/** Waits for the next pong of the WebSocket. */
function ponged(link: SecondWebSocketLink): Promise<void> {
  return new Promise((resolve) => {
    link.onControlFrame = ({ opcode }) => {
      if (opcode === opcodes.pong) resolve();
    };
  });
}

for (const key of [undefined, psk]) {
  const options = key === undefined ? { accept: ['ws'] } : { network_key: networkKey };
  const dialOptions = key === undefined ? {} : { psk: key };

  suite(`WebSockets of a Python node ${key === undefined ? 'without' : 'with'} a network key`, () => {
    let node: PythonNode;

    before(async () => {
      node = await PythonNode.start({ ...options, network: 'ours' });
    });

    after(() => node.stop());

    async function opened(t: TestContext, opening = {}): Promise<SecondWebSocket> {
      const webSocket = await SecondWebSocket.open(node.port, opening);
      t.after(() => webSocket.carrier.destroy());
      return webSocket;
    }

    /** A link of the second implementation, and the handshake over it. */
    async function connected(t: TestContext): Promise<SecondWebSocketLink> {
      node.clear();
      const { link } = await dialNoise(await opened(t), { network: 'ours', ...dialOptions });
      await peerOf(link).shakeHands({ network: 'ours' });
      await node.said('connected');
      return link;
    }

    const offers = [[subprotocols[0]], [subprotocols[1]], subprotocols, [...subprotocols].reverse()];
    for (const offered of offers) {
      test(`16.1, 16.5, 16.6 a dialler that offers ${offered.join(', ')}`, async (t) => {
        const opening = await opened(t, { offered, path: '/any/path?at=all' });
        assert.equal(opening.chosen, offered[0]);
        const { link, remoteId, identity } = await dialNoise(opening, { network: 'ours', ...dialOptions });
        assert.equal(remoteId, node.id);
        const peer = peerOf(link);
        await peer.shakeHands({ network: 'ours' });
        assert.equal(await node.said('connected'), identity.id);
        peer.write(textMessage('hello'));
        assert.equal(await node.said('message'), 'hello');
      });
    }

    test('16.1 unknown subprotocols are passed over, others and extensions are refused', async (t) => {
      const offered = ['peerloom.2.aesgcm', 'peerloom.1.chachapoly'];
      assert.equal((await opened(t, { offered })).chosen, 'peerloom.1.chachapoly');
      await assert.rejects(opened(t, { offered: ['peerloom.2.aesgcm'] }), /HTTP\/1\.1 400/);
      // An extension that a dialler offers is not agreed to, or open() throws.
      await opened(t, { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } });
    });

    test('16.1 a request that ends', async () => {
      const socket = connect(node.port, '127.0.0.1').on('error', () => {});
      socket.end(requestOf());
      socket.resume();
      await once(socket, 'close');
    });

    test('16.3 a page of another host is refused', async (t) => {
      const from = (Origin: string, Host: string) => opened(t, { headers: { Origin, Host } });
      await from('http://127.0.0.1:80', '127.0.0.1:10001');
      await assert.rejects(from('https://example.org', '127.0.0.1:10001'), /HTTP\/1\.1 403/);
      await assert.rejects(from('https://example.org', 'example.org'), /HTTP\/1\.1 403/);
    });

    for (const when of ['in the handshake', 'after it'] as const) {
      test(`16.4 a text message ${when}`, async (t) => {
        const opening = when === 'after it' ? (await connected(t)).webSocket : await opened(t);
        opening.send(opcodes.text, Buffer.from('text'));
        await opening.closed;
      });
    }

    test('16.4 messages in fragments, and pings between them', async (t) => {
      const opening = await opened(t);
      const prologue = prologueOf(opening);
      const noise = new SecondNoise({ role: 'initiator', cipher: 'AESGCM', prologue, psk: key });
      const first = noise.write();
      for (let at = 0; at < first.length; at++) {
        const isLast = at === first.length - 1;
        const opcode = at === 0 ? opcodes.binary : opcodes.continuation;
        opening.send(opcode, first.subarray(at, at + 1), { isLast });
        if (at < 20) opening.send(opcodes.ping, Buffer.of(at));
      }
      for (let at = 0; at < 20; at++)
        assert.deepEqual(await opening.next(), { opcode: opcodes.pong, payload: Buffer.of(at) });
      assert.equal(provenId(noise.read(await opening.message()), noise), node.id);
    });

    test('16.4 a message that is longer than 65,535 bytes, too many fragments, and too many pings', async (t) => {
      const long = await connected(t);
      long.webSocket.send(opcodes.binary, Buffer.alloc(8), { length: 65_536 });
      await long.webSocket.closed;
      const fragments = await connected(t);
      for (let count = 0; count < 300; count++)
        fragments.webSocket.send(count === 0 ? opcodes.binary : opcodes.continuation, Buffer.of(1), {
          isLast: false,
        });
      await fragments.webSocket.closed;
      const pings = await connected(t);
      for (let count = 0; count < 40; count++) pings.webSocket.send(opcodes.ping);
      await pings.webSocket.closed;
      await connected(t);
    });

    test('16.5 a dialler with another prologue', async (t) => {
      const opening = await opened(t);
      const prologue = prologueOf({ offered: [...subprotocols].reverse(), chosen: opening.chosen });
      const noise = new SecondNoise({ role: 'initiator', cipher: 'AESGCM', prologue, psk: key });
      opening.send(opcodes.binary, noise.write());
      if (key === undefined) {
        const second = await opening.message();
        assert.throws(() => noise.read(second));
        opening.send(opcodes.binary, Buffer.alloc(192));
      }
      await opening.closed;
    });

    test('16.7 a dialler that holds another network key, or none, is told by the code 4001', async (t) => {
      const others = key === undefined ? [preSharedKey('another')] : [preSharedKey('another'), undefined];
      for (const theirs of others) {
        const opening = await opened(t);
        const prologue = prologueOf(opening);
        const cipher = cipherOf(opening.chosen);
        opening.send(
          opcodes.binary,
          new SecondNoise({ role: 'initiator', cipher, prologue, psk: theirs }).write(),
        );
        const { opcode, payload } = await opening.next();
        assert.deepEqual([opcode, payload.readUInt16BE(0)], [opcodes.close, 4_001]);
        await opening.closed;
      }
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
        const opening = await opened(t);
        const [cipher, prologue] = [cipherOf(opening.chosen), prologueOf(opening)];
        const noise = new SecondNoise({ role: 'initiator', cipher, prologue, psk: key });
        opening.send(opcodes.binary, noise.write());
        noise.read(await opening.message());
        const hash = createHash('sha256').update('ours').digest();
        opening.send(opcodes.binary, noise.write(Buffer.concat([proofOf(noise), hash])));
        await opening.closed;

        const server = createServer().listen(0, '127.0.0.1');
        t.after(() => server.close());
        await once(server, 'listening');
        const arrival = once(server, 'connection');
        const { port } = server.address() as { port: number };
        const dial = node.do('connect', { address: `ws://127.0.0.1:${port}` });
        const [socket] = await arrival;
        const accepted = await SecondWebSocket.accept(socket);
        const responder = new SecondNoise({
          role: 'responder',
          cipher: cipherOf(accepted.chosen),
          prologue: prologueOf(accepted),
          psk: key,
        });
        responder.read(await accepted.message());
        accepted.send(opcodes.binary, responder.write(proofOf(responder)));
        await assert.rejects(dial, { code: 'ERR_HANDSHAKE' });
        await assert.rejects(accepted.message(), 'the node sends no proof of its own');
      });
    }

    test('16.6 a hello of another network than that of the proof', async (t) => {
      const { link } = await dialNoise(await opened(t), { network: 'theirs', ...dialOptions });
      await assert.rejects(peerOf(link).shakeHands({ network: 'ours' }));
    });

    test('16.1, 16.5, 16.6 a Python node that dials, and its network', async (t) => {
      const server = createServer().listen(0, '127.0.0.1');
      t.after(() => server.close());
      await once(server, 'listening');
      const arrival = once(server, 'connection');
      const { port } = server.address() as { port: number };
      const dial = node.do('connect', { address: `ws://127.0.0.1:${port}/path` });
      const accepted = await SecondWebSocket.accept((await arrival)[0]);
      assert.deepEqual(new Set(accepted.offered), new Set(subprotocols));
      const { link, remoteId, networkHash, identity } = await acceptNoise(accepted, dialOptions);
      assert.equal(remoteId, node.id);
      assert.deepEqual(networkHash, createHash('sha256').update('ours').digest());
      const peer = peerOf(link);
      await peer.answerHandshake({ network: 'ours' });
      assert.equal(await dial, identity.id);
      peer.write(textMessage('over the other way'));
      assert.equal(await node.said('message'), 'over the other way');
    });

    test('2.14 a Python node that dials proves nothing to another id than the one it expects', async (t) => {
      const { address, accepted } = await listenWebSocket(t, dialOptions);
      const { id } = identityOfSeed(new Uint8Array(32));
      const dial = node.do('connect', { address, id });
      await assert.rejects(accepted, /the WebSocket has ended/);
      await assert.rejects(dial, { code: 'ERR_ID_MISMATCH' });
    });

    test('16.1, 16.7 a Python node that dials gives up a listener of another subprotocol or key', async (t) => {
      for (const [other, code] of [
        ['subprotocol', 'ERR_HANDSHAKE'],
        ['key', 'ERR_NETWORK_MISMATCH'],
      ]) {
        const server = createServer().listen(0, '127.0.0.1');
        t.after(() => server.close());
        await once(server, 'listening');
        const arrival = once(server, 'connection');
        const { port } = server.address() as { port: number };
        const dial = node.do('connect', { address: `ws://127.0.0.1:${port}` });
        const choose = other === 'subprotocol' ? () => 'peerloom.2.aesgcm' : undefined;
        const accepted = await SecondWebSocket.accept((await arrival)[0], choose);
        if (other === 'key') accepted.send(opcodes.close, Buffer.of(4_001 >> 8, 4_001 & 0xff));
        await assert.rejects(dial, { code });
        await accepted.closed;
      }
    });

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
        const link = await connected(t);
        for (const [kind, content] of records) link.record(kind, content);
        await link.webSocket.closed;
        await node.said('disconnected');
      });
    }

    test('16.8 a record that was altered is a breach', async (t) => {
      const link = await connected(t);
      link.webSocket.send(opcodes.binary, Buffer.alloc(40));
      await link.webSocket.closed;
    });

    test('16.10 credit comes back for data that was read', async (t) => {
      const link = await connected(t);
      const pong = frame(kinds.pong, uint32(1));
      for (let round = 0; round < 20; round++) {
        for (let count = 0; count < 500; count++) link.record(recordKinds.data, pong);
        while (link.credit < 1_048_576 - 98_304) await once(link.webSocket.carrier, 'data');
      }
    });

    test('16.10 a Python node that sends waits for credit', async (t) => {
      node.clear();
      const { link } = await dialNoise(await opened(t), { network: 'ours', ...dialOptions });
      link.givesCredit = false;
      const pong = ponged(link);
      await peerOf(link).shakeHands({ network: 'ours' });
      await node.said('connected');
      await node.do('send', { bytes: 500_000, count: 4 });
      while (link.receivedCost < 900_000) await once(link.webSocket.carrier, 'data');
      // What it sent behind the credit would arrive before this pong of the WebSocket.
      link.webSocket.send(opcodes.ping);
      await pong;
      assert.ok(link.receivedCost <= 1_048_576, `${link.receivedCost}`);
      link.record(recordKinds.credit, uint32(link.receivedCost));
      while (link.receivedCost < 1_900_000) await once(link.webSocket.carrier, 'data');
      assert.ok(link.receivedCost <= 2 * 1_048_576);
    });

    test('16.11 an end, and the answer to it', async (t) => {
      const link = await connected(t);
      link.stream.end();
      await link.webSocket.closed;
      await node.said('disconnected');
      assert.equal(link.hasEnded, true);
    });

    test('16.11 a WebSocket that is cut off', async (t) => {
      const link = await connected(t);
      link.webSocket.carrier.destroy();
      assert.equal(await node.said('disconnected'), 'disconnected');
    });
  });
}
