import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sharedFramesOf } from '../../../src/channel/cut-message.ts';
import { Inbox } from '../../../src/channel/inbox.ts';
import { Outgoing } from '../../../src/channel/outgoing.ts';
import { resolveLimits } from '../../../src/limits.ts';
import { FrameFlag, FrameKind, frameHeaderBytes, writeFrameHeader } from '../../../src/wire/frame.ts';
import { FrameReader } from '../../../src/wire/frame-reader.ts';
import { PacketReader } from '../../../src/wire/p2pnetwork/packet-reader.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { turn } from '../../support/turns.ts';
import { Line } from './streams-line.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

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

  test('for frames that wait, are handled or answered, and for nothing that is handled at once', async () => {
    const grown = counter();
    const handling = Promise.withResolvers<void>();
    let isSlow = false;
    const inbox = new Inbox(new FakeLink(), () => (isSlow ? handling.promise : undefined), mebibyte);
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
    inbox.hold(500);
    const held = 1_000 + (1_000 + 128) + (500 + 128);
    assert.deepEqual([inbox.heldBytes, grown.bytes], [held, held]);
    isSlow = false;
    handling.resolve();
    await turn();
    assert.equal(inbox.heldBytes, 500 + 128);
    inbox.release(500);
    assert.equal(inbox.heldBytes, 0);
  });

  test('for messages to send is what the link has not taken; a message to many counts once', async () => {
    const grown = counter();
    const body = new Uint8Array(300_000);
    const payload = { format: 3, compression: 0, body };
    const shared = sharedFramesOf(payload)!;
    const ends = Array.from({ length: 4 }, () => {
      const link = new FakeLink();
      link.room = 1;
      const outgoing = new Outgoing(link, resolveLimits());
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
