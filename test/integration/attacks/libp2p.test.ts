import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, suite, test } from 'node:test';
import type { Stream } from '@libp2p/interface';
import { Identity, Node } from '../../../src/index.ts';
import { creditRecord, dataRecord, endRecord } from '../../../src/libp2p/credit-records.ts';
import { internet, lan, libp2p } from '../../../src/libp2p/index.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { within } from '../../support/turns.ts';
import { dialLibp2p, isOver, LinkByHand, stopAttackers } from './support/libp2p-attacker.ts';
import { rawSocket } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const multistream = '\x13/multistream/1.0.0\n';

const isClosed = (socket: Socket): Promise<void> =>
  socket.closed
    ? Promise.resolve()
    : new Promise((resolve) => socket.resume().once('close', () => resolve()));

/** A node comes, asks something and leaves. */
async function visit(address: string): Promise<void> {
  await using node = new Node('127.0.0.1', 0, { transports: [libp2p(lan({ listen: [] }))] });
  await node.start();
  const victim = await node.connectWithNode(address, { retry: true, timeoutMs: 60_000 });
  assert.equal(await victim.request('may I come in?'), 'may I come in?');
}

suite('libp2p under attack', () => {
  /** So long that nothing here ends by it. */
  const scene = attackScene({ libp2p: true, limits: { handshakeTimeoutMs: 600_000 } });
  const address = (): Promise<string> => scene.victim.call('multiaddr');
  const port = async (): Promise<number> => Number(/\/tcp\/(\d+)/.exec(await address())![1]);
  afterEach(stopAttackers);

  const beginnings: Record<string, Buffer> = {
    'random bytes': randomBytes(64),
    'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
    'a message of a gigabyte': Buffer.concat([
      Buffer.from(multistream),
      Buffer.from([0x80, 0x80, 0x80, 0x80, 4]),
    ]),
    'a key of random bytes': Buffer.concat([
      Buffer.from(`${multistream}\x07/noise\n`),
      Buffer.of(0, 96),
      randomBytes(96),
      Buffer.of(0, 96),
      randomBytes(96),
    ]),
  };
  for (const [name, bytes] of Object.entries(beginnings)) {
    test(`${name}: the connection ends`, async () => {
      const socket = rawSocket(await port());
      socket.write(bytes);
      await within(isClosed(socket), 'the victim ends it', 8_000);
    });
  }

  test('300 strangers that say nothing keep nobody out for longer than a second', async () => {
    const to = await port();
    for (let count = 0; count < 300; count++) {
      const socket = rawSocket(to);
      if (count % 20 === 0) await once(socket, 'connect');
    }
    await visit(await address());
  });

  test('a peer that opens links in a loop gets 32', async () => {
    const { connection } = await dialLibp2p(await address());
    const streams: Stream[] = [];
    for (let count = 0; count < 40; count++)
      streams.push(await connection.newStream('/peerloom/1', { maxOutboundStreams: 100 }));
    for (const stream of streams.slice(32)) await isOver(stream, 8_000);
    assert.equal(streams.filter(({ status }) => status === 'open').length, 32);
  });

  test('a peer that opens streams and names no protocol holds up nobody', async () => {
    const { connection } = await dialLibp2p(await address());
    const muxer = (connection as unknown as { muxer: { createStream(): Promise<Stream> } }).muxer;
    for (let count = 0; count < 1_000 && connection.status === 'open'; count++) {
      await muxer.createStream().then(
        (stream) => stream.send(Uint8Array.of(0x13)),
        () => {},
      );
    }
    await visit(await address());
  });

  test('a peer that pings in a loop loses the stream', async () => {
    const { connection } = await dialLibp2p(await address());
    const stream = await connection.newStream('/ipfs/ping/1.0.0');
    for (let count = 0; count < 100_000 && stream.writeStatus === 'writable'; count++) {
      if (!stream.send(randomBytes(32))) await Promise.race([once(stream, 'drain'), isOver(stream, 20_000)]);
    }
    await isOver(stream, 8_000);
  });

  test('a peer has 2 streams for pings, and gets its pings back', async () => {
    const { connection } = await dialLibp2p(await address());
    const streams: Stream[] = [];
    for (let count = 0; count < 3; count++)
      streams.push(await connection.newStream('/ipfs/ping/1.0.0', { maxOutboundStreams: 3 }));
    await isOver(streams[2]!, 8_000);
    const ping = randomBytes(32);
    const answered = once(streams[0]!, 'message');
    streams[0]!.send(ping);
    const [{ data }] = await within(answered, 'an answer');
    assert.deepEqual(Buffer.from(data.subarray()), ping);
  });

  test('peers that say of themselves what they like cost little, and hold up nobody', async () => {
    const to = await address();
    const addresses = Array.from({ length: 200 }, (_, index) =>
      field(2, Buffer.of(4, 10, 0, 0, index, 6, 0, 1)),
    );
    for (let count = 0; count < 40; count++) {
      const { promise: said, resolve } = Promise.withResolvers<void>();
      await dialLibp2p(to, async (node) => {
        await node.handle('/ipfs/id/1.0.0', (stream) => {
          for (let repeated = 0; repeated < 12 && stream.writeStatus === 'writable'; repeated++) {
            const protocols = Array.from({ length: 60 }, () => field(3, randomBytes(32).toString('hex')));
            const agent = field(6, randomBytes(500).toString('hex'));
            const message = Buffer.concat([...addresses, ...protocols, agent]);
            stream.send(Buffer.concat([varint(message.length), message]));
          }
          resolve();
        });
      });
      await within(said, 'the victim asks');
    }
  });

  test('a peer that breaks the protocol of links gets a goodbye', async () => {
    const { connection } = await dialLibp2p(await address());
    const link = new LinkByHand(await connection.newStream('/peerloom/1'));
    await link.shakeHands();
    link.stream.send(randomBytes(100));
    await link.has(FrameKind.goodbye);
  });

  test('a peer that floods a link, whatever its window of libp2p, is cut off', async () => {
    const { connection } = await dialLibp2p(await address());
    const link = new LinkByHand(await connection.newStream('/peerloom/1'));
    await link.shakeHands();
    await scene.victim.call('handlers', 'hold');
    Object.assign(link.stream, { sendWindowCapacity: Number.MAX_SAFE_INTEGER });
    for (let count = 0; count < 200 && link.stream.writeStatus === 'writable'; count++) {
      if (!link.stream.send(Buffer.alloc(65_536)))
        await Promise.race([once(link.stream, 'drain'), isOver(link.stream, 20_000)]);
    }
    await isOver(link.stream, 8_000);
  });

  const breaches: Record<string, Buffer> = {
    'more credit than it received': Buffer.concat([creditRecord(2 ** 29)]),
    'a record of a kind that is none': Buffer.of(0xff, 0, 0, 1),
    'a record after its end': Buffer.concat([endRecord(), dataRecord(Buffer.of(1))]),
  };
  for (const [name, bytes] of Object.entries(breaches)) {
    test(`a peer that sends ${name} loses its link`, async () => {
      const { connection } = await dialLibp2p(await address());
      const stream = await connection.newStream('/peerloom/1/credit');
      stream.send(bytes);
      await isOver(stream, 8_000);
    });
  }
});

suite('strangers to libp2p that take their time', () => {
  const handshakeTimeoutMs = 1_000;
  const scene = attackScene({ libp2p: true, limits: { handshakeTimeoutMs } });
  const address = (): Promise<string> => scene.victim.call('multiaddr');
  afterEach(stopAttackers);

  for (const [name, beginning] of Object.entries({
    nothing: '',
    'half a greeting': multistream.slice(0, 9),
  })) {
    test(`${name}: the time limit holds`, async () => {
      const startedAt = performance.now();
      const socket = rawSocket(Number(/\/tcp\/(\d+)/.exec(await address())![1]));
      socket.write(beginning);
      await isClosed(socket);
      assert.ok(performance.now() - startedAt >= handshakeTimeoutMs - 5);
    });
  }

  test('a connection on which nothing is opened ends', async () => {
    const { connection } = await dialLibp2p(await address());
    await isOver(connection, 8_000);
  });

  test('pings alone do not keep a connection', async () => {
    const { connection } = await dialLibp2p(await address());
    await connection.newStream('/ipfs/ping/1.0.0');
    await isOver(connection, 8_000);
  });

  test('a stream that never names its protocol does not keep a connection', async () => {
    const { connection } = await dialLibp2p(await address());
    const muxer = (connection as unknown as { muxer: { createStream(): Promise<Stream> } }).muxer;
    await muxer.createStream();
    await isOver(connection, 8_000);
  });

  test('a link that says nothing does not keep a connection', async () => {
    const { connection } = await dialLibp2p(await address());
    await connection.newStream('/peerloom/1');
    await isOver(connection, 8_000);
  });

  test('320 connections keep nobody out once they are idle', async () => {
    const to = await address();
    for (let count = 0; count < 320; count += 8) {
      const dials = Array.from({ length: 8 }, () => dialLibp2p(to).catch(() => {}));
      await Promise.all(dials);
    }
    await visit(to);
  });
});

test('a relay that says nothing holds up the start of a node for 5 seconds', async (t) => {
  const silent = createServer((socket) => void t.after(() => socket.destroy())).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const relays = [`/ip4/127.0.0.1/tcp/${port}/p2p/${Identity.generate().id}`];
  const node = new Node('127.0.0.1', 0, { transports: [libp2p(internet({ listen: [], relays }))] });
  t.after(async () => {
    await node.stop();
    silent.close();
  });
  await within(node.start(), 'the node starts', 8_000);
});

/** A field of a message in Protocol Buffers that has a length. */
function field(number: number, content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([Buffer.of(number * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.of(...bytes, rest);
}
