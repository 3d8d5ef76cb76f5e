import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { before, suite, test } from 'node:test';
import fc from 'fast-check';
import { Identity, systemRuntime } from '../../src/index.ts';
import { authenticatePlain } from '../../src/transport/pipe/plain-proof.ts';
import { availableCompressions } from '../../src/wire/compression/compression.ts';
import { FrameKind } from '../../src/wire/frames/frame.ts';
import { clientFrame, opcodes, requestOf } from '../compliance/protocol/second-web-socket.ts';
import { RawPeer, rawSocket } from '../integration/attacks/support/raw-peer.ts';
import { attackScene } from '../integration/attacks/support/scene.ts';
import { openWebSocketPeer } from '../integration/attacks/support/web-socket-peer.ts';
import { fuzzLive } from './fuzz.ts';
import { anyMutations } from './mutations.ts';
import { pythonRecording, recordNode } from './recordings.ts';

/** The time that replaying mutations may take, for each of the tests. */
const timeLimitMs = 600;

/** Text, JSON, bytes, numbers, CBOR, one for each compression, the cut one and the delivery. */
const messagesRecorded = 5 + availableCompressions().length + 2;

type Dial = (port: number) => Promise<RawPeer>;

async function dialPlain(port: number): Promise<RawPeer> {
  const socket = rawSocket(port);
  await once(socket, 'connect');
  const identity = Identity.generate();
  await authenticatePlain(socket, { identity, role: 'client', runtime: systemRuntime, checkId: () => {} });
  const peer = new RawPeer(socket, identity.id);
  socket.resume(); // the handshake has left it paused
  return peer;
}

async function dialWebSocket(port: number): Promise<RawPeer> {
  return (await openWebSocketPeer(port)).peer;
}

suite('a listener that is fed with damaged recordings', () => {
  // Every kind of attack meets one victim, a minute long in `npm run fuzz`. The kernel then counts 190 MiB that malloc and
  // V8 keep for later, and no more however long it goes on; 24 MiB are in use.
  const scene = attackScene({ plain: true, p2pnetwork: true, websocket: true, maxGrowthMiB: 300 });
  const python = pythonRecording();
  let hello: Buffer;
  let rest: Buffer[];

  before(async () => {
    const [first, ...others] = await recordNode();
    hello = first!;
    rest = others;
  });

  /** Says the hello as it should be, and the rest at once. */
  async function replayAfterHello(dial: Dial, frames: Buffer[]): Promise<void> {
    const peer = await dial(scene.port);
    peer.write(hello);
    await peer.next(FrameKind.accept);
    peer.socket.end(Buffer.concat(frames));
    await peer.closed;
  }

  async function replayAll(dial: Dial, frames: Buffer[]): Promise<void> {
    const peer = await dial(scene.port);
    peer.socket.end(Buffer.concat(frames));
    await peer.closed;
  }

  /** Bytes, and nothing else. */
  async function replayBytes(pieces: readonly Uint8Array[]): Promise<void> {
    const socket = rawSocket(scene.port).resume();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.end(Buffer.concat(pieces));
    await closed;
  }

  let nodes = 0;

  /** As a new Python node, whose packets follow when it is let in. */
  async function replayPackets(packets: readonly Buffer[]): Promise<void> {
    const id = `python ${nodes++}`;
    const socket = rawSocket(scene.port).resume();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(`${id}:10001`);
    await scene.victim.event('connected', id);
    socket.end(Buffer.concat(packets));
    await closed;
  }

  /** All that they sent is handled then. */
  async function othersGone(): Promise<void> {
    await scene.victim.until(({ connections }) => connections <= 1, 'stats');
  }

  async function fuzz(
    subject: string,
    pieces: Buffer[],
    replay: (pieces: Buffer[]) => Promise<void>,
  ): Promise<void> {
    const property = fc.asyncProperty(anyMutations, (mutate) => replay(mutate(pieces)));
    await fuzzLive(subject, property, timeLimitMs);
    await othersGone();
    const { failures, belated } = await scene.victim.call('stats');
    assert.deepEqual({ failures, belated }, { failures: 0, belated: 0 });
  }

  for (const [protocol, dial] of [
    ['TLS', (port: number) => RawPeer.dial(port)],
    ['plain TCP', dialPlain],
    ['WebSocket', dialWebSocket],
  ] as const) {
    test(`${protocol}: a whole recording is understood`, async () => {
      const before = await scene.victim.call('stats');
      await replayAfterHello(dial, rest);
      await othersGone();
      const after = await scene.victim.call('stats');
      assert.equal(after.handled - before.handled, messagesRecorded);
      assert.equal(after.rejected, before.rejected);
    });

    test(`${protocol}: damaged messages end their own connection at most`, () =>
      fuzz(`live: messages over ${protocol}`, rest, (frames) => replayAfterHello(dial, frames)));

    test(`${protocol}: damaged handshakes end their own connection at most`, () =>
      fuzz(`live: handshakes over ${protocol}`, [hello, ...rest.slice(0, 3)], (frames) =>
        replayAll(dial, frames),
      ));
  }

  test('p2pnetwork: a whole recording is understood', async () => {
    const before = await scene.victim.call('stats');
    await replayPackets(python.packets);
    await othersGone();
    const after = await scene.victim.call('stats');
    assert.equal(after.handled - before.handled + after.rejected - before.rejected, python.packets.length);
  });

  test('p2pnetwork: damaged packets end their own connection at most', () =>
    fuzz('live: packets of p2pnetwork', [...python.packets], replayPackets));

  test('WebSocket: damaged requests and frames end their own connection at most', () =>
    fuzz(
      'live: requests and frames of WebSocket',
      [
        Buffer.from(requestOf()),
        clientFrame(opcodes.binary, randomBytes(32)),
        clientFrame(opcodes.ping),
        clientFrame(opcodes.binary, randomBytes(192)),
      ],
      replayBytes,
    ));

  test('whatever a connection begins with ends that connection at most', () =>
    fuzz(
      'live: first bytes',
      [
        python.introduction,
        Buffer.from('PEERLM1\n'),
        Buffer.from('GET / HTTP/1.1\r\n'),
        Buffer.of(0x16, 3, 1, 0, 90),
      ],
      replayBytes,
    ));
});
