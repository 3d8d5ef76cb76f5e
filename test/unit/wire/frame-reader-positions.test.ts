import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameFlag, FrameKind } from '../../../src/wire/frames/frame.ts';
import { type Frame, FrameReader } from '../../../src/wire/frames/frame-reader.ts';
import { bytes, firstFrame, frame, part } from './raw-frames.ts';

const kibibyte = 1024;
const content = bytes(3_000 * kibibyte);
const pieces = Array.from({ length: 60 }, (_, index) =>
  content.subarray(index * 51_200, (index + 1) * 51_200),
);

/** Among others: a message of 3,000 KiB, which grows on its way, cut by a stream's data. */
const stream = Buffer.concat([
  frame({ kind: FrameKind.message, body: bytes(10) }),
  firstFrame(content.length, pieces[0]!, { kind: FrameKind.request }),
  ...pieces.slice(1).map((piece, index) => part(piece, index < 58 ? FrameFlag.more : 0)),
  frame({ kind: FrameKind.streamData, body: bytes(40_000) }),
  frame({ kind: FrameKind.message, body: bytes(5_000) }),
]);

function reading() {
  const frames: Frame[] = [];
  const reader = new FrameReader(
    (kind, format, compression, body) => void frames.push({ kind, format, compression, body }),
    { maxMessageBytes: 2 ** 24 },
  );
  return { frames, reader };
}

suite('where bytes are read to', () => {
  for (const longest of [1_000, 16 * kibibyte, 40_000]) {
    test(`makes no difference to what is read, ${longest} bytes at a time`, () => {
      const usual = reading();
      usual.reader.push(stream);
      const { frames, reader } = reading();
      let targets = 0;
      for (let at = 0; at < stream.length; ) {
        const target = reader.target;
        if (target !== undefined) targets += 1;
        const memory = target ?? new Uint8Array(longest);
        const length = Math.min(longest, memory.length, stream.length - at);
        memory.set(stream.subarray(at, at + length));
        reader.push(memory.subarray(0, length));
        at += length;
      }
      assert.deepEqual(
        frames.map(({ kind, body }) => [kind, body.length]),
        usual.frames.map(({ kind, body }) => [kind, body.length]),
      );
      for (const [index, { body }] of frames.entries()) {
        assert.equal(Buffer.compare(body, usual.frames[index]!.body), 0, `frame ${index}`);
      }
      assert.ok(targets > 5, `${targets} targets`);
    });
  }

  test('is left open for what is short, and for headers', () => {
    const { reader } = reading();
    assert.equal(reader.target, undefined);
    reader.push(frame({ kind: FrameKind.message, body: bytes(4_095) }).subarray(0, 8));
    assert.equal(reader.target, undefined);
  });
});

/** Everything that a reader can be in the middle of, in few bytes, and the places where that begins and ends. */
const states = [
  frame({ kind: FrameKind.message, body: bytes(10) }),
  frame({ kind: FrameKind.streamData, body: bytes(9_000) }),
  firstFrame(30_000, bytes(10_000), { kind: FrameKind.message }),
  part(bytes(10_000)),
  frame({ kind: FrameKind.ping, body: bytes(4) }),
  frame({ kind: FrameKind.streamData, body: bytes(9_000) }),
  part(bytes(10_000), 0),
  frame({ kind: FrameKind.message, body: bytes(10) }),
];
const inEveryState = Buffer.concat(states);
const borders = states.map((_, index) => Buffer.concat(states.slice(0, index)).length);
const places = [...borders, inEveryState.length].flatMap((border) =>
  [-5_000, -1, 0, 1, 8, 9, 12, 13, 100].map((offset) => border + offset),
);

suite('a reader that has ended, whatever it was in the middle of,', () => {
  const assertEnded = (reader: FrameReader, place: number): void => {
    const { readBytes, wholeBytes } = reader;
    assert.equal(reader.target, undefined, `at ${place}`);
    assert.equal(reader.heldBytes, 0, `at ${place}`);
    assert.equal(reader.push(inEveryState), 0, `at ${place}`);
    assert.equal(reader.target, undefined, `at ${place}`);
    assert.deepEqual([reader.readBytes, reader.wholeBytes], [readBytes, wholeBytes], `at ${place}`);
  };
  const readers = places
    .filter((place) => place >= 0 && place <= inEveryState.length)
    .map((place) => {
      const { frames, reader } = reading();
      reader.push(inEveryState.subarray(0, place));
      return { frames, reader, place };
    });

  test('reads nothing, holds nothing and has no target once it is stopped', () => {
    for (const { reader, frames, place } of readers) {
      const { wholeBytes } = reader;
      const { length } = frames;
      reader.stop();
      assert.equal(reader.wholeBytes, wholeBytes, `at ${place}`);
      assertEnded(reader, place);
      reader.stop();
      assertEnded(reader, place);
      assert.equal(frames.length, length, `at ${place}`);
    }
  });

  test('does so by itself when it refuses a frame, and when whoever it hands a frame to throws', () => {
    const breach = frame({ flags: 77 });
    for (const border of [...borders, inEveryState.length]) {
      const refusing = reading().reader;
      refusing.push(inEveryState.subarray(0, border));
      assert.throws(() => refusing.push(breach), /unknown frame flags 77/);
      assertEnded(refusing, border);
      const throwing = reading().reader;
      throwing.push(inEveryState.subarray(0, border));
      throwing.onFrame = () => {
        throw new Error('no');
      };
      assert.throws(
        () => throwing.push(Buffer.concat([inEveryState.subarray(border), states[0]!])),
        /^Error: no$/,
      );
      assertEnded(throwing, border);
    }
  });

  test('has no target that is empty before', () => {
    const { reader } = reading();
    for (const byte of inEveryState) {
      assert.ok(reader.target?.length !== 0);
      reader.push(Uint8Array.of(byte));
    }
  });
});

suite('positions', () => {
  test('of whole frames: not of a frame, or a cut message, that is there in part', () => {
    const first = frame({ kind: FrameKind.message, body: bytes(10) });
    const cut = Buffer.concat([
      firstFrame(20, bytes(10), { kind: FrameKind.message }),
      frame({ kind: FrameKind.ping, body: bytes(4) }),
      part(bytes(10), 0),
    ]);
    const all = Buffer.concat([first, cut, first]);
    const { reader } = reading();
    const whole: number[] = [];
    for (const byte of all) {
      reader.push(Uint8Array.of(byte));
      whole.push(reader.wholeBytes);
    }
    assert.equal(reader.readBytes, all.length);
    const expected = Array.from(all, (_, index) => {
      const ends = [all.length, first.length + cut.length, first.length, 0];
      return ends.find((end) => end <= index + 1)!;
    });
    assert.deepEqual(whole, expected);
  });

  test('stop where the reader is stopped', () => {
    const { reader } = reading();
    const one = frame({ kind: FrameKind.accept });
    reader.onFrame = () => reader.stop();
    assert.equal(reader.push(Buffer.concat([one, bytes(7)])), one.length);
    assert.equal(reader.readBytes, one.length);
  });
});
