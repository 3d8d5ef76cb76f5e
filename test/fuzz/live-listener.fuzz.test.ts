import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { before, suite, test } from 'node:test';
import { createSecureContext, TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { Identity, Node } from '../../src/index.ts';
import { createCertificate } from '../../src/transport/tcp/certificate.ts';
import { availableCompressions } from '../../src/wire/compression.ts';
import { FrameKind, frameHeaderBytes, readUint32 } from '../../src/wire/frame.ts';
import { helloWith, RawPeer, rawFrame } from '../integration/attacks/support/raw-peer.ts';
import { attackScene } from '../integration/attacks/support/scene.ts';

/** The time that replaying mutations may take, for each of the two tests. */
const timeLimitMs = 4_000;

/** What a node says, byte for byte, to a listener that only listens: hello, accept and messages of every kind. */
async function recordNode(): Promise<Buffer> {
  const said: Buffer[] = [];
  const secureContext = createSecureContext(createCertificate(Identity.generate()));
  const server = createServer((socket) => {
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['peerloom'],
    });
    secured.on('error', () => {}).on('data', (bytes) => said.push(bytes));
    const compressions = availableCompressions();
    secured.write(Buffer.concat([helloWith({ compressions }), rawFrame(FrameKind.accept)]));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const node = new Node('127.0.0.1', 0, { name: 'recorded' });
  await node.start();
  const listener = await node.connectWithNode('127.0.0.1', (server.address() as AddressInfo).port);
  const text = 'text that repeats itself '.repeat(20);
  listener.send('text');
  listener.send({ a: [1, 'two', null], b: { c: true } });
  listener.send(Uint8Array.of(4, 0, 255));
  listener.send(Float32Array.of(1.5, Number.NaN));
  listener.send({ round: 3, weights: Float64Array.of(1, 2, 3) });
  for (const compression of availableCompressions()) listener.send(text, { compression });
  listener.send(new Uint8Array(300_000));
  const unanswered = [listener.request({ ask: 'me' }), listener.deliver('delivered'), listener.ping()];
  const settled = Promise.allSettled(unanswered);
  await node.stop();
  await settled;
  server.close();
  return Buffer.concat(said);
}

/** The frames of a stream, each with its header. */
function cutIntoFrames(stream: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = at + frameHeaderBytes + readUint32(stream, at);
    frames.push(stream.subarray(at, end));
    at = end;
  }
  return frames;
}

type Mutation = (frames: Buffer[]) => Buffer[];

/** A byte somewhere, more often in the header or the first bytes of the body than behind them. */
const place = fc.oneof(fc.nat(frameHeaderBytes - 1), fc.nat(40), fc.nat(300_000));

const anyMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(), place, fc.integer({ min: 1, max: 255 })).map(
    ([index, at, mask]): Mutation =>
      (frames) =>
        replace(frames, index, (frame) => {
          const changed = Buffer.from(frame);
          changed[at % changed.length]! ^= mask;
          return [changed];
        }),
  ),
  fc.nat().map(
    (index): Mutation =>
      (frames) =>
        replace(frames, index, () => []),
  ),
  fc.nat().map(
    (index): Mutation =>
      (frames) =>
        replace(frames, index, (frame) => [frame, frame]),
  ),
  fc.tuple(fc.nat(), place).map(
    ([index, at]): Mutation =>
      (frames) =>
        replace(frames, index, (frame) => [frame.subarray(0, at % frame.length)]),
  ),
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 30 })).map(
    ([index, bytes]): Mutation =>
      (frames) =>
        replace(frames, index, (frame) => [frame, Buffer.from(bytes)]),
  ),
  fc.tuple(fc.nat(), fc.nat()).map(
    ([from, to]): Mutation =>
      (frames) => {
        const moved = [...frames];
        const [frame] = moved.splice(from % moved.length, 1);
        moved.splice(to % (moved.length + 1), 0, frame!);
        return moved;
      },
  ),
);

const anyMutations = fc.array(anyMutation, { minLength: 1, maxLength: 4 });

function replace(frames: Buffer[], index: number, by: (frame: Buffer) => Buffer[]): Buffer[] {
  if (frames.length === 0) return frames;
  const at = index % frames.length;
  return frames.flatMap((frame, place) => (place === at ? by(frame) : [frame]));
}

suite('a listener that is fed with damaged recordings', () => {
  const scene = attackScene({ maxGrowthMiB: 192 });
  let hello: Buffer;
  let rest: Buffer[];

  before(async () => {
    const [first, accept, ...others] = cutIntoFrames(await recordNode());
    hello = first!;
    rest = [accept!, ...others];
  });

  /** Says the hello as it should be, and the rest at once. */
  async function replayAfterHello(frames: Buffer[]): Promise<void> {
    const peer = await RawPeer.dial(scene.port);
    peer.write(hello);
    await peer.next(FrameKind.accept);
    peer.socket.end(Buffer.concat(frames));
    await peer.closed;
  }

  async function replayAll(frames: Buffer[]): Promise<void> {
    const peer = await RawPeer.dial(scene.port);
    peer.socket.end(Buffer.concat(frames));
    await peer.closed;
  }

  async function fuzz(frames: Buffer[], replay: (frames: Buffer[]) => Promise<void>): Promise<void> {
    let runs = 0;
    const property = fc.asyncProperty(anyMutations, async (mutations) => {
      runs += 1;
      await replay(mutations.reduce((mutated, mutate) => mutate(mutated), frames));
    });
    const limits = { interruptAfterTimeLimit: timeLimitMs, markInterruptAsFailure: false };
    await fc.assert(property, { numRuns: 500, ...limits });
    assert.ok(runs > 20, `${runs} runs`);
    while ((await scene.victim.call('stats')).connections > 1);
    const { failures, belated } = await scene.victim.call('stats');
    assert.deepEqual({ failures, belated }, { failures: 0, belated: 0 });
  }

  test('a whole recording is understood', async () => {
    const before = await scene.victim.call('stats');
    await replayAfterHello(rest);
    const after = await scene.victim.call('stats');
    // Text, JSON, bytes, numbers, CBOR, one for each compression, the cut one and the delivery.
    assert.equal(after.handled - before.handled, 5 + availableCompressions().length + 2);
    assert.equal(after.rejected, before.rejected);
  });

  test('damaged messages end their own connection at most', () => fuzz(rest, replayAfterHello));

  test('damaged handshakes end their own connection at most', () =>
    fuzz([hello, ...rest.slice(0, 3)], replayAll));
});
