import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DecompressionTurns } from '../../../src/base/decompression-turns.ts';
import { PeerloomError } from '../../../src/base/errors.ts';
import { resolveLimits } from '../../../src/base/limits.ts';
import type { MemoryAccount } from '../../../src/base/memory-budget.ts';
import { systemRuntime } from '../../../src/base/runtime.ts';
import { LinkEnd } from '../../../src/channel/link-end.ts';
import { Inbox } from '../../../src/channel/receive/inbox.ts';
import { Incoming } from '../../../src/channel/receive/incoming.ts';
import { sharedFramesOf } from '../../../src/channel/send/cut-message.ts';
import { Outgoing } from '../../../src/channel/send/outgoing.ts';
import { Session } from '../../../src/channel/session/session.ts';
import { UnreadStreams } from '../../../src/channel/streams/unread-streams.ts';
import { PacketReader } from '../../../src/p2pnetwork/packet-reader.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { compress } from '../../../src/wire/compression/compression.ts';
import {
  FrameFlag,
  FrameKind,
  frameHeaderBytes,
  idBody,
  smallFrame,
  writeFrameHeader,
} from '../../../src/wire/frames/frame.ts';
import { FrameReader } from '../../../src/wire/frames/frame-reader.ts';
import { FrameSkimmer } from '../../../src/wire/frames/frame-skimmer.ts';
import { encodeGoodbye, goodbye } from '../../../src/wire/frames/goodbye.ts';
import { encodePayload } from '../../../src/wire/payloads/payload.ts';
import { withCode } from '../../support/errors.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { HoldingLink } from '../../support/holding-link.ts';
import { turn, until } from '../../support/turns.ts';
import { defaultWindows, endlessWindows } from '../../support/windows.ts';
import { dataFrame, hello, openChannel } from './open-channel.ts';
import { Line } from './streams-line.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

const session = { id: 'name', receivedBytes: 0, breaks: 0, resumed: false };

const quietUser = {
  readBytes: 0,
  wholeBytes: 0,
  overflowed() {},
  acknowledged() {},
  leftLink: () => new FrameSkimmer(),
  failed() {},
  suspended() {},
  resumed() {},
};

/** Adds up what it is told. */
function counter() {
  const count = {
    bytes: 0,
    grew(bytes: number): void {
      count.bytes += bytes;
    },
  };
  return count;
}

function frame(kind: number, body: Uint8Array, flags = 0): Uint8Array {
  const bytes = Buffer.alloc(frameHeaderBytes + body.length);
  writeFrameHeader(bytes, 0, { kind, flags, format: 3, compression: 0, length: body.length });
  bytes.set(body, frameHeaderBytes);
  return bytes;
}

suite('memory that is held, and told of,', () => {
  test('for a cut message is what was set aside for it, until it is whole', () => {
    const grown = counter();
    const reader = new FrameReader(() => {}, { maxMessageBytes: 4 * mebibyte });
    reader.onGrowth = grown.grew;
    const first = Buffer.alloc(4 + 100 * kibibyte);
    first.writeUInt32BE(3 * mebibyte);
    reader.push(frame(FrameKind.message, first, FrameFlag.more));
    assert.deepEqual([reader.heldBytes, grown.bytes], [mebibyte, mebibyte]);
    const part = frame(FrameKind.part, Buffer.alloc(200 * kibibyte), FrameFlag.more);
    for (let bytes = 100; bytes + 200 < 3 * kibibyte; bytes += 200) reader.push(part);
    assert.equal(reader.heldBytes, 3 * mebibyte);
    assert.equal(grown.bytes, (1 + 3) * mebibyte, 'each time that it grew');
    reader.push(frame(FrameKind.part, Buffer.alloc((3 * kibibyte - 2_900) * kibibyte)));
    assert.equal(reader.heldBytes, 0);
  });

  test('for a frame is what its header announces, and nothing where it came whole', () => {
    const grown = counter();
    const reader = new FrameReader(() => {}, { maxMessageBytes: mebibyte });
    reader.onGrowth = grown.grew;
    const whole = frame(FrameKind.message, Buffer.alloc(10_000));
    for (let count = 0; count < 100; count++) reader.push(whole);
    assert.deepEqual([reader.heldBytes, grown.bytes], [0, 0]);
    reader.push(whole.subarray(0, 100));
    assert.deepEqual([reader.heldBytes, grown.bytes], [10_000, 10_000]);
    reader.stop();
    assert.equal(reader.heldBytes, 0);
  });

  test('for a packet without an end is what was set aside for it', () => {
    const grown = counter();
    const reader = new PacketReader(() => {}, mebibyte);
    reader.onGrowth = grown.grew;
    reader.push(Buffer.from('whole\x04'));
    assert.deepEqual([reader.heldBytes, grown.bytes], [0, 0]);
    reader.push(Buffer.alloc(100_000, 'x'));
    assert.deepEqual([reader.heldBytes, grown.bytes], [100_000, 100_000]);
    reader.push(Buffer.from('x\x04'));
    assert.equal(reader.heldBytes, 0);
  });

  test('for frames that wait or are handled, and for nothing that is handled at once', async () => {
    const grown = counter();
    const handling = Promise.withResolvers<void>();
    let isSlow = false;
    const inbox = new Inbox({
      runtime: systemRuntime,
      handle: () => (isSlow ? handling.promise : undefined),
      onFailure: (error) => assert.fail(error as Error),
    });
    inbox.onGrowth = grown.grew;
    const offer = (): void =>
      inbox.offer({ kind: 16, format: 3, compression: 0, body: new Uint8Array(1_000) });
    inbox.open(undefined);
    for (let count = 0; count < 100; count++) offer();
    assert.deepEqual([inbox.heldBytes, grown.bytes], [0, 0]);

    isSlow = true;
    offer();
    inbox.takeInHand(1_000);
    offer();
    const held = 1_000 + (1_000 + 256);
    assert.deepEqual([inbox.heldBytes, grown.bytes], [held, held]);
    isSlow = false;
    handling.resolve();
    await turn();
    assert.equal(inbox.heldBytes, 0);
  });

  test('for compressed answers that wait is told as well', async () => {
    const grown = counter();
    const runtime = new VirtualRuntime();
    const turns = new DecompressionTurns(runtime);
    // Another connection has had so much decompressed that all others wait.
    turns.run(
      {},
      () => {
        runtime.compute(100);
        return new Uint8Array(mebibyte);
      },
      () => {},
    );
    const answers: string[] = [];
    const incoming = new Incoming({
      link: new FakeLink(),
      limits: resolveLimits(),
      runtime,
      windows: defaultWindows,
      granter: { credit: () => {} },
      turns,
      respond: () => {},
      answer: () => {},
      isAwaited: () => true,
      onAnswer: (_frame, decoded) => void answers.push(String(decoded?.data)),
      onStream: () => {},
      deliveriesSince: () => 0,
      onAbuse: (error) => assert.fail(error),
      onFailure: (error) => assert.fail(error as Error),
    });
    incoming.onGrowth = grown.grew;
    for (const id of [1, 2, 3]) {
      const text = encodePayload(`answer ${id}`);
      const body = Buffer.concat([idBody(id), compress(text.body, 'zlib')]);
      incoming.readAnswer({ kind: FrameKind.response, format: text.format, compression: 1, body });
    }
    assert.ok(incoming.heldBytes > 2 * 256);
    assert.equal(grown.bytes, incoming.heldBytes);
    await runtime.advance(1_000);
    assert.deepEqual([answers, incoming.heldBytes], [['answer 1', 'answer 2', 'answer 3'], 0]);
  });

  test('for messages to send is what the link has not taken; a message to many counts once', async () => {
    const grown = counter();
    const body = new Uint8Array(300_000);
    const payload = { format: 3, compression: 0, body };
    const shared = sharedFramesOf(payload)!;
    const ends = Array.from({ length: 4 }, () => {
      const link = new FakeLink();
      link.room = 1;
      const outgoing = new Outgoing({ link, limits: resolveLimits(), windows: endlessWindows });
      outgoing.onGrowth = grown.grew;
      outgoing.send(FrameKind.message, { format: 3, compression: 0, body: Uint8Array.of(1) });
      return { link, outgoing };
    });
    await turn();
    for (const { outgoing } of ends) outgoing.send(FrameKind.message, { ...payload, shared });
    const sum = (): number => ends.reduce((total, { outgoing }) => total + outgoing.heldBytes, 0);
    assert.ok(Math.abs(sum() - 300_000) < 200, `${sum()} bytes are held`);
    assert.ok(grown.bytes >= 1_200_000);

    // Those that read, and the one that is closed, leave all of it to the one that is left.
    ends[0]!.link.makeRoom();
    ends[1]!.link.makeRoom();
    ends[2]!.outgoing.close();
    await turn();
    assert.deepEqual(
      ends.slice(0, 3).map(({ outgoing }) => outgoing.heldBytes),
      [0, 0, 0],
    );
    assert.ok(Math.abs(ends[3]!.outgoing.heldBytes - 300_000) < 200, `${ends[3]!.outgoing.heldBytes} bytes`);
  });

  test('for sessions is what was not acknowledged; a message to many counts once, until the last has it', async () => {
    const body = new Uint8Array(300_000);
    const payload = { format: 3, compression: 0, body };
    const shared = sharedFramesOf(payload)!;
    const runtime = new VirtualRuntime();
    const ends = Array.from({ length: 4 }, () => {
      const link = new HoldingLink();
      const session = new Session('name', new LinkEnd(link), { runtime, queueMaxBytes: mebibyte });
      session.user = { ...quietUser };
      const outgoing = new Outgoing({
        link: session,
        limits: resolveLimits(),
        windows: endlessWindows,
        keeper: session,
      });
      outgoing.send(FrameKind.message, { ...payload, shared });
      return { link, session, outgoing };
    });
    const sum = (): number =>
      ends.reduce((bytes, { session, outgoing }) => bytes + session.heldBytes + outgoing.heldBytes, 0);
    const isOnce = (): void => assert.ok(Math.abs(sum() - 300_000) < 10_000, `${sum()} bytes are held`);
    isOnce();
    await turn();
    isOnce();
    const [first, second, third, last] = ends as [
      (typeof ends)[0],
      (typeof ends)[0],
      (typeof ends)[0],
      (typeof ends)[0],
    ];
    assert.ok(first.session.keptBytes > 300_000, 'the cap of each connection counts all of it');
    const frameBytes = shared.map(({ bytes }) => bytes.length);
    first.session.onAcknowledged(frameBytes[0]!, 0);
    isOnce();
    second.session.onAcknowledged(
      frameBytes.reduce((all, one) => all + one),
      0,
    );
    third.session.forget();
    isOnce();
    assert.deepEqual([second.session.heldBytes, third.session.heldBytes], [0, 0]);
    first.session.forget();
    assert.ok(last.session.heldBytes > 300_000);
  });

  test('for a session that has ended is what was kept and what was not sent, until its user has heard of it', async () => {
    const { channel, link, told, behaviour } = openChannel({ hello: { ...hello, session } });
    const handled = Promise.withResolvers<boolean>();
    behaviour.message = () => handled.promise;
    link.onMessage(dataFrame(FrameKind.message, 'takes long'));
    link.room = 1;
    for (let count = 0; count < 20; count++) channel.send(new Uint8Array(60_000));
    await turn();
    link.onMessage(smallFrame(FrameKind.goodbye, encodeGoodbye(goodbye('stopped'))));
    link.end();
    await turn();
    assert.ok(channel.heldBytes > 20 * 60_000, `${channel.heldBytes} bytes, while the handler runs`);
    handled.resolve(true);
    await turn();
    assert.deepEqual(told.slice(1), ['closed stopped by them', 'unacknowledged 20']);
    assert.equal(channel.heldBytes, 0, 'whoever holds on to the connection');
  });

  test('for streams whose connection has ended is what was not read', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    for (const bytes of [60_000, 40_000]) {
      ours.write(new Uint8Array(bytes));
      await line.flow();
    }
    ours.end();
    await line.flow();
    const error = new PeerloomError('ERR_CONNECTION_CLOSED', 'over');
    const [left, ...none] = line.listener.streams.close(() => error);
    assert.deepEqual([left, none], [theirs, []]);
    const open = new Set<MemoryAccount>();
    const budget = { close: (account: MemoryAccount) => void open.delete(account) };
    const dropped = new PeerloomError('ERR_CONNECTION_CLOSED', 'too much');
    const account = new UnreadStreams([theirs], { budget, dropped: () => dropped });
    open.add(account);
    assert.equal(account.heldBytes, 100_000);
    account.closeIfRead();
    assert.equal(open.size, 1);

    assert.equal((await theirs.read())!.length, 60_000);
    assert.equal(account.heldBytes, 40_000);
    account.shed();
    assert.equal(account.heldBytes, 0);
    account.closeIfRead();
    assert.equal(open.size, 0);
    await assert.rejects(theirs.read(), dropped, 'what is missing does not look like the end');
  });

  test('for streams that nobody holds is nothing: their account is closed', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    let isOpen = true;
    const budget = {
      close: () => {
        isOpen = false;
      },
    };
    const open = async (): Promise<void> => {
      const line = new Line();
      const [ours] = await line.stream();
      ours.write(new Uint8Array(1_000));
      await line.flow();
      const error = new PeerloomError('ERR_CONNECTION_CLOSED', 'over');
      new UnreadStreams(
        line.listener.streams.close(() => error),
        { budget, dropped: () => error },
      );
    };
    await open();
    await until(() => {
      collectGarbage();
      return !isOpen;
    }, 'the account is closed');
  });

  test('for a stream that is aborted after its connection has ended is nothing', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    ours.write(new Uint8Array(1_000));
    await line.flow();
    line.listener.streams.close(() => new PeerloomError('ERR_CONNECTION_CLOSED', 'over'));
    assert.equal(theirs.heldBytes, 1_000);
    theirs.abort({ code: 'aborted', message: 'enough' });
    assert.equal(theirs.heldBytes, 0);
    await assert.rejects(theirs.read(), withCode('ERR_STREAM_ABORTED', /enough/));
  });

  test('for streams is what was not read, and what was not sent', async () => {
    const line = new Line();
    const grown = counter();
    const [ours, theirs] = await line.stream();
    line.listener.streams.onGrowth = grown.grew;
    const written = counter();
    line.dialler.streams.onGrowth = written.grew;
    line.dialler.link.room = 0;
    for (let count = 0; count < 100; count++) ours.write(new Uint8Array(1_000));
    const memoryBytes = 2 * 64 * kibibyte;
    assert.deepEqual([line.dialler.streams.heldBytes, written.bytes], [memoryBytes, memoryBytes]);
    line.dialler.link.take(100);
    await line.flow();
    assert.equal(line.dialler.streams.heldBytes, 0);
    assert.equal(line.listener.streams.heldBytes, 100_000);
    assert.equal(grown.bytes, 100_000);

    for (let read = 0; read < 100_000; ) read += (await theirs.read())!.length;
    assert.equal(line.listener.streams.heldBytes, 0);
    const waiting = theirs.read();
    ours.write(new Uint8Array(1_000));
    await line.flow();
    assert.equal((await waiting)!.length, 1_000);
    assert.equal(grown.bytes, 100_000, 'nothing was kept for who waited for it');

    // Tiny frames lie in blocks, all of which are told of.
    for (let count = 0; count < 20; count++) {
      ours.write(new Uint8Array(1_000));
      await line.flow();
    }
    const { heldBytes } = line.listener.streams;
    assert.ok(heldBytes >= 20_000 && heldBytes <= 20_000 + 16 * kibibyte, `${heldBytes} bytes`);
    assert.equal(grown.bytes, 100_000 + heldBytes);
  });
});
