import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Frame } from '../../../src/wire/frames/frame-reader.ts';
import { withCode } from '../../support/errors.ts';
import { heldBytes } from '../../support/memory.ts';
import { turn } from '../../support/turns.ts';
import { abort, credit, data, end, LineEnd, open, openStreams } from './streams-line.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const window = 256 * kibibyte;
const frameBytes = 12;

/** A listener with so many streams of somebody who has credit for a window of each: odd numbers from 1. */
async function victimWith(streams: number): Promise<LineEnd> {
  const victim = new LineEnd('inbound');
  for (let index = 0; index < streams; index++) victim.receive(open(2 * index + 1, window));
  await turn();
  victim.sent();
  return victim;
}

suite('a breach by the other side', () => {
  const breaches: Record<string, readonly Frame[]> = {
    'a number of ours for a stream of theirs': [open(2, window)],
    'the number 0': [open(0, window)],
    'a number twice': [open(3, window), open(3, window)],
    'a number below the one before': [open(5, window), open(3, window)],
    'the number of a stream that is over': [open(3, window), abort(3), open(3, window)],
    'a window of nothing': [open(3, 0)],
    'a window beyond all bounds': [open(3, 2 ** 31)],
    'a header that is too long': [open(3, window, new Uint8Array(64 * kibibyte + 1))],
    'an opening without a window': [cut(open(3, window), 7)],
    'an opening without a number': [cut(open(3, window), 3)],
    'data without a number': [cut(data(1, 1), 3)],
    'data that is none': [data(1, 0)],
    'data beyond the window, at once': [data(1, window - frameBytes + 1)],
    'data beyond the window, bit by bit': [
      data(1, 100_000),
      data(1, 100_000),
      data(1, window - 200_000 - 35),
    ],
    'data behind the end': [end(1), data(1, 1)],
    'a second end': [end(1), end(1)],
    'credit of nothing': [credit(1, 0)],
    'credit without an amount': [cut(credit(1, 5), 4)],
    'credit with more than an amount': [
      { ...credit(1, 5), body: new Uint8Array([0, 0, 0, 1, 0, 0, 0, 5, 0]) },
    ],
    'credit beyond all bounds': [credit(1, 2 ** 31 - 1)],
    'credit beyond all bounds, bit by bit': [credit(1, 2 ** 30), credit(1, 2 ** 30)],
    'an abort that is not JSON': [cut(abort(1), 10)],
  };
  for (const [name, frames] of Object.entries(breaches)) {
    test(`${name}`, async () => {
      const victim = await victimWith(1);
      for (const frame of frames.slice(0, -1)) victim.receive(frame);
      const code = name === 'an abort that is not JSON' ? 'ERR_HANDSHAKE' : 'ERR_PROTOCOL';
      assert.throws(() => victim.receive(frames.at(-1)!), withCode(code));
      victim.close();
    });
  }

  test('data of a stream that was not taken yet, whoever opened it', async () => {
    const victim = new LineEnd('inbound');
    victim.streams.onOpen(open(1, window));
    assert.throws(() => victim.receive(data(1, 1)), withCode('ERR_PROTOCOL'));
    assert.throws(() => victim.receive(end(1)), withCode('ERR_PROTOCOL'));
    victim.streams.open(null).catch(() => {});
    assert.throws(() => victim.receive(data(2, 1)), withCode('ERR_PROTOCOL'));
    assert.throws(() => victim.receive(end(2)), withCode('ERR_PROTOCOL'));
    victim.close();
  });

  test('what is exactly at the bounds is none', async () => {
    const victim = await victimWith(1);
    victim.receive(data(1, 100_000));
    victim.receive(data(1, window - 100_000 - 2 * frameBytes));
    victim.receive(credit(1, 2 ** 31 - 1 - window));
    victim.receive(end(1));
    victim.receive(open(2 ** 32 - 1, 2 ** 31 - 1, new Uint8Array(64 * kibibyte)));
    victim.close();
  });
});

suite('somebody who', () => {
  test('opens streams in a loop gets 256, is refused the others, and given up when he reads no refusal', async () => {
    const victim = new LineEnd('inbound');
    victim.link.take(0);
    let id = 1;
    const openOne = (): void => {
      victim.receive(open(id, window));
      id += 2;
    };
    for (let count = 0; count < 16_000; count++) openOne();
    assert.equal(victim.arrived.length, 256);
    const before = heldBytes();
    assert.throws(
      () => {
        for (let count = 0; count < 1_000; count++) openOne();
      },
      withCode('ERR_PROTOCOL', /does not read the refusals/),
    );
    assert.ok(heldBytes() - before < mebibyte);
    victim.close();
  });

  test('opens and aborts in a loop costs nothing that stays', async () => {
    const victim = new LineEnd('inbound');
    const round = async (from: number): Promise<void> => {
      for (let id = from; id < from + 20_000; id += 2) {
        victim.receive(open(id, window));
        victim.receive(data(id - 1, 1)); // passed over
        victim.receive(abort(id));
      }
      victim.arrived.length = 0;
      await turn();
      victim.sent();
    };
    await round(1);
    const before = heldBytes();
    await round(20_001);
    await round(40_001);
    assert.ok(heldBytes() - before < mebibyte, `${heldBytes() - before} bytes more`);
    assert.equal(victim.streams.isReady, false);
  });

  test('fills every window that nobody reads costs twice the windows at most, whatever the frames', async () => {
    const streams = 32;
    const patterns = { tiny: [1], 'tiny and large': [1, 16 * kibibyte], 'just below a block': [9_000] };
    for (const [name, lengths] of Object.entries(patterns)) {
      const victim = await victimWith(streams);
      const before = heldBytes();
      for (let index = 0; index < streams; index++) {
        let rest = window;
        for (let turns = 0; ; turns++) {
          const length = lengths[turns % lengths.length]!;
          rest -= frameBytes + length;
          if (rest < 0) break;
          victim.receive(data(2 * index + 1, length));
        }
      }
      const growth = heldBytes() - before;
      assert.ok(growth < 2.1 * streams * window, `${name}: ${growth} bytes for ${streams} windows`);
      victim.close();
    }
  });

  test('sends small data inside large pieces of memory does not keep those', async () => {
    const victim = await victimWith(64);
    const before = heldBytes();
    for (let index = 0; index < 64; index++) {
      const large = new Uint8Array(mebibyte);
      large.set(data(2 * index + 1, 100).body);
      victim.receive({ ...data(1, 1), body: large.subarray(0, 104) });
    }
    const growth = heldBytes() - before;
    assert.ok(growth < 2 * mebibyte, `${growth} bytes are held for 6,400`);
    victim.close();
  });

  test('gives credit byte by byte makes the sender hold no more than the bytes', async () => {
    const victim = new LineEnd('inbound');
    const held: Uint8Array[] = [];
    victim.outgoing.close();
    for (let index = 0; index < 64; index++) victim.receive(open(2 * index + 1, 1));
    await turn();
    for (const { stream } of victim.arrived) stream.write(new Uint8Array(100_000));
    const before = heldBytes();
    for (let round = 0; round < 20; round++) {
      for (let index = 0; index < 64; index++) victim.receive(credit(2 * index + 1, frameBytes + 1));
      while (victim.streams.isReady) held.push(victim.streams.nextPiece().bytes);
    }
    assert.ok(held.length >= 20 * 64, `${held.length} frames`);
    const growth = heldBytes() - before;
    assert.ok(growth < 2 * mebibyte, `${growth} bytes are held for ${held.length} bytes of data`);
    victim.close();
  });

  test('asks for much and reads nothing makes the sender hold no more than it was given to send', async () => {
    const side = new LineEnd('outbound');
    const streams = await openStreams(side, 256);
    side.link.take(0);
    const piece = new Uint8Array(16 * kibibyte);
    const before = heldBytes();
    for (const stream of streams) while (stream.write(piece));
    const growth = heldBytes() - before;
    assert.ok(growth < 1.3 * 256 * window, `${growth} bytes`);
    side.close();
    const rest = heldBytes() - before;
    assert.ok(rest < 6 * mebibyte, `${rest} bytes are left, more than the pool keeps`);
  });
});

function cut(frame: Frame, length: number): Frame {
  return { ...frame, body: frame.body.subarray(0, length) };
}
