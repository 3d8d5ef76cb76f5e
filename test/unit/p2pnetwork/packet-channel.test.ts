import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DecompressionTurns } from '../../../src/base/decompression-turns.ts';
import { defaultLimits } from '../../../src/base/limits.ts';
import { MemoryBudget } from '../../../src/base/memory-budget.ts';
import { type Runtime, systemRuntime } from '../../../src/base/runtime.ts';
import type { ChannelHandler } from '../../../src/channel/channel.ts';
import { shareEncoding } from '../../../src/channel/send/shared-encoding.ts';
import type { Data } from '../../../src/index.ts';
import { encodePacket } from '../../../src/p2pnetwork/packet.ts';
import { PacketChannel } from '../../../src/p2pnetwork/packet-channel.ts';
import { refusePacketLink } from '../../../src/p2pnetwork/packet-handshake.ts';
import { PacketQueue } from '../../../src/p2pnetwork/packet-queue.ts';
import { goodbye } from '../../../src/wire/frames/goodbye.ts';
import { withCode } from '../../support/errors.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { silentLog } from '../../support/silent-log.ts';
import { turn, until } from '../../support/turns.ts';

function openChannel(runtime: Runtime = systemRuntime, link = new FakeLink()) {
  const channel = new PacketChannel(link, {
    direction: 'inbound',
    limits: defaultLimits,
    budget: new MemoryBudget(defaultLimits.memoryBudgetBytes),
    turns: new DecompressionTurns(systemRuntime),
    runtime,
    bigIntegers: false,
    traffic: silentLog,
  });
  return { link, channel };
}

test('options that are not known are refused towards a Python node too', () => {
  const { link, channel } = openChannel();
  assert.throws(
    () => channel.send('hello', { compresion: 'zlib' } as object),
    new TypeError(
      "compresion is not an option; did you mean 'compression'? The options are compression, verbatim",
    ),
  );
  channel.send('for all', shareEncoding('for all', { compression: 'zlib' }, 100));
  assert.equal(link.pieces.length, 1);
});

test('the limits by address hold for a link unless it says that they do not', () => {
  const behindProxy = Object.assign(new FakeLink(), { limitsByAddress: false });
  assert.equal(openChannel().channel.remote.limitsByAddress, true);
  assert.equal(openChannel(systemRuntime, behindProxy).channel.remote.limitsByAddress, false);
});

test('a channel that is closed hands over what waits, and reads nothing more', async () => {
  const { link, channel } = openChannel();
  const received: Data[] = [];
  const handler = {
    connected: () => true,
    message: (data: Data) => received.push(data) > 0,
    closed: () => {},
  };
  channel.start(handler as unknown as ChannelHandler);
  link.onMessage(encodePacket('before'));
  await until(() => received.length === 1, 'it is received');
  link.room = 1;
  for (const text of ['one', 'two', 'three']) channel.send(text);
  assert.equal(link.pieces.length, 1);
  channel.close(goodbye('disconnected'));
  assert.equal(Buffer.concat(link.pieces).toString(), 'one\u0004two\u0004three\u0004');
  assert.deepEqual(link.endings, ['close 15000']);
  link.onMessage(encodePacket('after'));
  await turn();
  assert.deepEqual(received, ['before']);
});

suite('what waits for a slow Python node', () => {
  const limits = { ...defaultLimits, queueMaxBytes: 10, queueHighWaterBytes: 6 };
  const packet = (first: number) => Uint8Array.of(first, 0, 0);
  const firsts = (link: FakeLink) => link.pieces.map(([first]) => first);

  test('goes once, in order, as the link takes it, and says when there is room again', async () => {
    const link = new FakeLink();
    link.room = 1;
    const queue = new PacketQueue(link, limits);
    assert.deepEqual(
      [1, 2, 3].map((first) => queue.send(packet(first))),
      [true, true, false],
    );
    assert.deepEqual([firsts(link), queue.heldBytes, queue.sentBytes], [[1], 6, 3]);
    let isDrained = false;
    const drained = queue.drained().then(() => {
      isDrained = true;
    });
    assert.equal(queue.send(packet(4)), false);
    assert.throws(() => queue.send(packet(5)), withCode('ERR_QUEUE_FULL'));
    link.makeRoom(1);
    await turn();
    assert.deepEqual([firsts(link), queue.heldBytes, isDrained], [[1, 2], 6, false]);
    link.makeRoom(1);
    await drained;
    assert.deepEqual([firsts(link), queue.heldBytes], [[1, 2, 3], 3]);
    await queue.drained();
    link.makeRoom();
    await turn();
    assert.deepEqual([firsts(link), queue.heldBytes, queue.sentBytes], [[1, 2, 3, 4], 0, 12]);
    assert.equal(queue.send(packet(6)), true);
    assert.deepEqual(firsts(link), [1, 2, 3, 4, 6]);
  });

  test('is handed to a link that is closed, or dropped with the queue, and nobody waits any longer', async () => {
    for (const [end, left] of [
      ['release', [1, 2, 3]],
      ['close', [1]],
    ] as const) {
      const link = new FakeLink();
      link.room = 1;
      const queue = new PacketQueue(link, limits);
      for (const first of [1, 2, 3]) queue.send(packet(first));
      const drained = queue.drained();
      queue[end]();
      await drained;
      link.makeRoom();
      await turn();
      assert.deepEqual([firsts(link), queue.heldBytes], [left, 0], end);
    }
  });

  test('may be one packet that is larger than the queue, and counts as it grows', () => {
    const link = new FakeLink();
    link.room = 1;
    const queue = new PacketQueue(link, limits);
    const growth: number[] = [];
    queue.onGrowth = (bytes) => growth.push(bytes);
    queue.send(packet(1));
    assert.equal(queue.send(new Uint8Array(20)), false);
    assert.deepEqual([growth, queue.heldBytes], [[20], 20]);
  });
});

test('bytes that a Python node sends are in memory of their own, however they arrive', async () => {
  const { link, channel } = openChannel();
  const received: Uint8Array[] = [];
  const handler = { connected: () => true, message: (data: Data) => received.push(data as Uint8Array) > 0 };
  channel.start(handler as unknown as ChannelHandler);
  const sent = [1, 2, 3].map((first) => Uint8Array.of(0xff, first, 0xfe));
  const packets = Buffer.concat(
    sent.flatMap((bytes) => [
      encodePacket(bytes),
      encodePacket(bytes, { compression: 'zlib' }),
      encodePacket(bytes, { compression: 'bzip2' }),
    ]),
  );
  const expected = sent.flatMap((bytes) => [bytes, bytes, bytes]);
  link.onMessage(packets);
  link.onMessage(Uint8Array.from(packets));
  await until(() => received.length >= 18, 'all are decompressed');
  assert.deepEqual(received, [...expected, ...expected]);
  for (const { buffer, byteLength } of received) assert.equal(buffer.byteLength, byteLength);
  packets.fill(0);
  structuredClone(null, { transfer: received.map(({ buffer }) => buffer as ArrayBuffer) });
});

test('an error of ours while a message is handled that had to wait ends that connection, not the process', async () => {
  const { link, channel } = openChannel();
  const connected = Promise.withResolvers<boolean>();
  const ends: string[] = [];
  const handler = {
    connected: () => connected.promise,
    message: () => {
      throw new Error('a defect');
    },
    closed: ({ message }: { message: string }) => void ends.push(message),
  };
  channel.start(handler as unknown as ChannelHandler);
  link.onMessage(Buffer.concat([encodePacket('one'), encodePacket('two')]));
  connected.resolve(true);
  await until(() => ends.length > 0, 'the channel is closed');
  assert.deepEqual([ends, link.endings], [['a defect'], ['destroy']]);
});

suite('JSON that takes long to read', () => {
  const long = Buffer.from(`[NaN${',1'.repeat(50_000)}]\u0004`);

  /** A channel for which each look at the clock takes a millisecond, and what its user was told. */
  function slowChannel() {
    let now = 0;
    const { link, channel } = openChannel({ ...systemRuntime, now: () => now++ });
    const told: unknown[] = [];
    const handler = {
      connected: () => true,
      message: (data: Data) => {
        told.push(Array.isArray(data) ? data.length : data);
        return true;
      },
      rejected: (error: Error) => told.push(error.message),
      closed: ({ by }: { by: string }) => told.push(`closed by ${by}`),
    };
    channel.start(handler as unknown as ChannelHandler);
    return { link, channel, told };
  }

  test('is read in turns with everything else, and what comes after it waits', async () => {
    const { link, channel, told } = slowChannel();
    link.onMessage(Buffer.concat([long, encodePacket('next')]));
    await turn();
    assert.deepEqual(told, []);
    assert.ok(channel.heldBytes >= 2 * 100_000, `${channel.heldBytes} bytes are counted`);
    await until(() => told.length === 2, 'both messages');
    assert.deepEqual([told, channel.heldBytes], [[50_001, 'next'], 0]);
  });

  test('is text where it turns out to be no JSON, and rejected where it holds what this side cannot', async () => {
    const { link, told } = slowChannel();
    link.onMessage(Buffer.from(`[1${long.toString().slice(1).replace(']', '')}`));
    link.onMessage(Buffer.from(long.toString().replace(']', ',12345678901234567890]')));
    await until(() => told.length === 2, 'both messages');
    assert.equal((told[0] as string).slice(0, 6), '[1NaN,');
    assert.match(told[1] as string, /beyond 2\^53/);
  });

  test('is read no further when this side closes', async () => {
    const { link, channel, told } = slowChannel();
    link.onMessage(long);
    await turn();
    channel.close(goodbye('disconnected'));
    link.end();
    await until(() => told.length > 0, 'the end');
    assert.deepEqual(told, ['closed by us']);
  });
});

test('a node that dialled us is refused by silence; one that we dialled is told why', () => {
  const inbound = new FakeLink();
  refusePacketLink(inbound, 'inbound', goodbye('duplicate', 'it is connected'));
  assert.deepEqual([inbound.endings, inbound.pieces.length], [['destroy'], 0]);
  const outbound = new FakeLink();
  refusePacketLink(outbound, 'outbound', goodbye('duplicate', 'it is connected'));
  assert.deepEqual(outbound.endings, ['close 15000']);
  assert.match(Buffer.concat(outbound.pieces).toString(), /it is connected/);
});

test('a Python node listens at the port that it announced, on the host that its link comes from', () => {
  const link = Object.assign(new FakeLink(), { announcedPort: 10_001 });
  const { channel } = openChannel(systemRuntime, link);
  assert.deepEqual(channel.remote.addresses, ['p2pnetwork://192.0.2.1:10001']);
  assert.deepEqual(openChannel().channel.remote.addresses, [], 'it announced none');
});

test('what a Python node cannot do says what to use in its place', async () => {
  const { channel } = openChannel();
  const isRefused = withCode('ERR_NOT_SUPPORTED', /does not work with a p2pnetwork node.* use send/);
  for (const call of [() => channel.deliver(), () => channel.request(), () => channel.openStream()]) {
    assert.throws(call, isRefused);
  }
  await assert.rejects(channel.ping(), isRefused);
});

test('what goes over a Python connection is counted, and what waits', async () => {
  const { link, channel } = openChannel();
  link.room = 1;
  channel.send('first');
  channel.send('second');
  const { sentBytes, queuedBytes, roundTripMs } = channel.metrics();
  assert.deepEqual(
    [sentBytes, queuedBytes, roundTripMs],
    [encodePacket('first').length, encodePacket('second').length, undefined],
  );
  link.onMessage(encodePacket('hello'));
  assert.equal(channel.metrics().receivedBytes, encodePacket('hello').length);
  assert.equal(channel.metrics().unhandledMessages, 1);
});
