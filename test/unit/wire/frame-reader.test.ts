import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameFlag, FrameKind, maxFrameBodyBytes } from '../../../src/wire/frames/frame.ts';
import { type Frame, FrameReader } from '../../../src/wire/frames/frame-reader.ts';
import { withCode } from '../../support/errors.ts';
import { heldBytes } from '../../support/memory.ts';
import { bytes, firstFrame, frame, part, read } from './raw-frames.ts';

const mebibyte = 1024 * 1024;
const { more } = FrameFlag;

/** One of each kind, and what should come out. */
const plainFrames: Frame[] = Object.values(FrameKind)
  .filter((kind) => kind !== FrameKind.part)
  .flatMap((kind) => [
    { kind, format: 0, compression: 0, body: bytes(0) },
    { kind, format: 200, compression: 3, body: bytes(5, kind) },
  ]);
const plainBytes = Buffer.concat(plainFrames.map(frame));

/** A message cut into three, with frames of other kinds between the parts. */
const content = bytes(90);
const cutBytes = Buffer.concat([
  frame({ kind: FrameKind.message, format: 2, body: bytes(3) }),
  firstFrame(90, content.subarray(0, 20), { kind: FrameKind.request, format: 4, compression: 1 }),
  frame({ kind: FrameKind.ping, body: bytes(4) }),
  part(content.subarray(20, 21)),
  frame({ kind: FrameKind.goodbye }),
  part(content.subarray(21), 0),
  frame({ kind: FrameKind.message, format: 1, body: bytes(2) }),
]);
const cutFrames: Frame[] = [
  { kind: FrameKind.message, format: 2, compression: 0, body: bytes(3) },
  { kind: FrameKind.ping, format: 0, compression: 0, body: bytes(4) },
  { kind: FrameKind.goodbye, format: 0, compression: 0, body: bytes(0) },
  { kind: FrameKind.request, format: 4, compression: 1, body: content },
  { kind: FrameKind.message, format: 1, compression: 0, body: bytes(2) },
];

const streams = [
  ['frames of every kind', plainBytes, plainFrames],
  ['a cut message among others', cutBytes, cutFrames],
] as const;

suite('however the bytes come', () => {
  for (const [name, stream, expected] of streams) {
    test(`${name}: all at once, or byte by byte`, () => {
      assert.deepEqual(read([stream]), expected);
      assert.deepEqual(read(Array.from(stream, (byte) => Uint8Array.of(byte))), expected);
    });

    test(`${name}: split in two at every byte`, () => {
      for (let at = 0; at <= stream.length; at++) {
        assert.deepEqual(read([stream.subarray(0, at), stream.subarray(at)]), expected, `split at ${at}`);
      }
    });

    test(`${name}: split in three at every two bytes`, () => {
      for (let first = 0; first <= stream.length; first += 1) {
        for (let second = first; second <= stream.length; second += 7) {
          const pieces = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)];
          assert.deepEqual(read(pieces), expected, `split at ${first} and ${second}`);
        }
      }
    });

    test(`${name}: in pieces of every size`, () => {
      for (let size = 2; size < 40; size++) {
        const pieces: Uint8Array[] = [];
        for (let at = 0; at < stream.length; at += size) pieces.push(stream.subarray(at, at + size));
        assert.deepEqual(read(pieces), expected, `pieces of ${size}`);
      }
    });
  }

  test('a cut message of 3 MiB is put together at every size of its parts', () => {
    const large = bytes(3 * mebibyte + 11);
    for (const size of [maxFrameBodyBytes - 4, 100_000, 65_537]) {
      const frames = [firstFrame(large.length, large.subarray(0, size))];
      for (let at = size; at < large.length; at += size) {
        const isLast = at + size >= large.length;
        frames.push(part(large.subarray(at, at + size), isLast ? 0 : more));
      }
      const stream = Buffer.concat(frames);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += 65_536) pieces.push(stream.subarray(at, at + 65_536));
      const [message, ...others] = read(pieces, { maxMessageBytes: 4 * mebibyte });
      assert.deepEqual(others, []);
      assert.ok(Buffer.from(message!.body).equals(large));
    }
  });

  test('the boundaries of a cut message may fall anywhere', () => {
    const [first, second, last] = [
      firstFrame(12, bytes(5)),
      part(bytes(5, 5 * 31)),
      part(bytes(2, 10 * 31), 0),
    ];
    const whole = bytes(12);
    const stream = Buffer.concat([first, second, last]);
    const borders = [0, first.length, first.length + second.length, stream.length];
    for (const border of borders) {
      for (let offset = -13; offset <= 13; offset++) {
        const at = Math.min(stream.length, Math.max(0, border + offset));
        const [message] = read([stream.subarray(0, at), stream.subarray(at)]);
        assert.deepEqual(message?.body, whole, `cut at ${at}`);
      }
    }
  });
});

const acknowledgement = frame({ kind: FrameKind.acknowledge, body: bytes(8) });

test('after a break anywhere it goes on with what it does not have, acknowledgements aside', () => {
  const counted = [
    frame({ body: bytes(3) }),
    firstFrame(90, content.subarray(0, 20)),
    part(content.subarray(20, 21)),
    part(content.subarray(21), 0),
    frame({ body: bytes(2) }),
  ];
  const sent = Buffer.concat(counted.flatMap((one) => [acknowledgement, one, acknowledgement]));
  const flow = Buffer.concat(counted);
  for (let at = 0; at <= sent.length; at++) {
    const bodies: Uint8Array[] = [];
    const reader = new FrameReader(
      (kind, _format, _compression, body) => {
        if (kind !== FrameKind.acknowledge) bodies.push(body);
      },
      { maxMessageBytes: mebibyte },
    );
    reader.push(sent.subarray(0, at));
    reader.forgetUncounted();
    reader.push(flow.subarray(reader.readBytes));
    assert.deepEqual(bodies, [bytes(3), content, bytes(2)], `broken at ${at}`);
    assert.deepEqual([reader.readBytes, reader.wholeBytes], [flow.length, flow.length]);
  }
});

test('what is there whole ends with a frame, acknowledgements aside, however they stand', () => {
  const first = firstFrame(90, content.subarray(0, 20));
  const reader = new FrameReader(() => {}, { maxMessageBytes: mebibyte });
  const message = frame({ body: bytes(3) });
  reader.push(
    Buffer.concat([message, first, acknowledgement, part(content.subarray(20, 21)), acknowledgement]),
  );
  assert.equal(reader.wholeBytes, message.length);
  reader.push(part(content.subarray(21), 0));
  assert.equal(reader.wholeBytes, reader.readBytes);
});

test('odd frames between whole ones do not have the rest copied again', () => {
  const pair = Buffer.concat([part(bytes(1)), frame({ kind: FrameKind.ping, body: bytes(4) })]);
  const piece = Buffer.concat(Array.from({ length: 3_000 }, () => pair));
  const buffers = new Set<ArrayBufferLike>();
  const reader = new FrameReader((_kind, _format, _compression, body) => buffers.add(body.buffer), {
    maxMessageBytes: mebibyte,
  });
  reader.push(firstFrame(mebibyte, bytes(1)));
  reader.push(piece);
  assert.equal(buffers.size, 1);
});

suite('a message that is taken at once', () => {
  const message = (index: number): Buffer => frame({ format: 7, compression: index, body: bytes(20, index) });

  function reading(isTaken: (count: number) => boolean) {
    const taken: number[] = [];
    const handed: Frame[] = [];
    const reader = new FrameReader(
      (kind, format, compression, body) => void handed.push({ kind, format, compression, body }),
      { maxMessageBytes: mebibyte },
    );
    reader.takesAtOnce = (kind, format, compression, memory, start, end) => {
      if (kind !== FrameKind.message) return false;
      assert.equal(format, 7);
      assert.deepEqual(Uint8Array.from(memory.subarray(start, end)), bytes(20, compression));
      if (isTaken(taken.length)) taken.push(compression);
      return taken.at(-1) === compression;
    };
    return { reader, taken, handed };
  }

  test('is not handed on, and nothing is copied for it', () => {
    const { reader, taken, handed } = reading(() => true);
    reader.push(Buffer.concat([1, 2, 3].map(message)));
    assert.deepEqual([taken, handed], [[1, 2, 3], []]);
    assert.equal(reader.readBytes, 3 * message(1).length);
  });

  test('is handed on, in its order, where it is refused', () => {
    const { reader, taken, handed } = reading((count) => count < 2);
    const ping = frame({ kind: FrameKind.ping, body: bytes(4) });
    reader.push(Buffer.concat([message(1), ping, message(2), message(3), message(4)]));
    assert.deepEqual(taken, [1, 2]);
    assert.deepEqual(handed, [
      { kind: FrameKind.ping, format: 0, compression: 0, body: bytes(4) },
      { kind: FrameKind.message, format: 7, compression: 3, body: bytes(20, 3) },
      { kind: FrameKind.message, format: 7, compression: 4, body: bytes(20, 4) },
    ]);
  });

  test('has arrived whole: what comes in pieces, or is of another kind, is not offered', () => {
    const { reader, taken, handed } = reading(() => true);
    for (const byte of message(1)) reader.push(Uint8Array.of(byte));
    reader.push(firstFrame(40, bytes(30), { format: 7 }));
    reader.push(part(bytes(10), 0));
    reader.push(frame({ kind: FrameKind.deliver, format: 7, body: bytes(20) }));
    assert.deepEqual([taken, handed.length], [[], 3]);
  });

  test('ends the reading where the reader is stopped meanwhile', () => {
    const { reader, taken } = reading((count) => count < 2);
    const { takesAtOnce } = reader;
    reader.takesAtOnce = (...args) => {
      const isTaken = takesAtOnce(...args);
      if (taken.length === 2) reader.stop();
      return isTaken;
    };
    assert.equal(reader.push(Buffer.concat([1, 2, 3].map(message))), 2 * message(1).length);
  });
});

suite('limits', () => {
  test('are exact', () => {
    const limits = { maxBodyBytes: 100, maxMessageBytes: 150 };
    assert.equal(read([frame({ body: bytes(100) })], limits).length, 1);
    const first = firstFrame(150, bytes(96));
    assert.equal(read([first, part(bytes(54), 0)], limits)[0]?.body.length, 150);
  });

  test('may be changed between frames', () => {
    const sizes: number[] = [];
    const reader = new FrameReader((_kind, _format, _compression, body) => sizes.push(body.length), {
      maxBodyBytes: 10,
      maxMessageBytes: 0,
    });
    reader.push(frame({ body: bytes(10) }));
    reader.maxBodyBytes = 20;
    reader.push(frame({ body: bytes(20) }));
    assert.deepEqual(sizes, [10, 20]);
    assert.throws(() => reader.push(frame({ body: bytes(21) })), withCode('ERR_PROTOCOL'));
  });

  test('a length that lies costs little memory, and what has come at most four times as much', () => {
    const before = heldBytes();
    const readers = Array.from({ length: 20 }, () => {
      const reader = new FrameReader(() => {}, { maxMessageBytes: 16 * mebibyte });
      reader.push(firstFrame(16 * mebibyte, bytes(1)));
      return reader;
    });
    assert.ok(heldBytes() - before < 25 * mebibyte, `${heldBytes() - before} bytes for 20 liars`);
    const pushPart = (reader: FrameReader): unknown =>
      reader.push(part(bytes(maxFrameBodyBytes), FrameFlag.more));
    for (const reader of readers) for (let parts = 0; parts < 3; parts++) pushPart(reader);
    assert.ok(heldBytes() - before < 25 * mebibyte, 'less than 1 MiB has come');
    readers.forEach(pushPart);
    const held = heldBytes() - before;
    assert.ok(held > 60 * mebibyte && held < 90 * mebibyte, `${held} bytes for 20 times a little more`);
    for (const reader of readers) reader.stop();
    assert.ok(heldBytes() - before < 2 * mebibyte, 'a reader that is stopped lets go of it');
  });
});

test('nothing is read after stop, not even the rest of what is being read', () => {
  const kinds: number[] = [];
  const reader = new FrameReader(
    (kind) => {
      kinds.push(kind);
      if (kind === FrameKind.goodbye) reader.stop();
    },
    { maxMessageBytes: mebibyte },
  );
  reader.push(
    Buffer.concat([FrameKind.ping, FrameKind.goodbye, FrameKind.message].map((kind) => frame({ kind }))),
  );
  reader.push(frame({ flags: 77 }));
  assert.deepEqual(kinds, [FrameKind.ping, FrameKind.goodbye]);
});

test('bodies stay as they are when the memory that they came in is used again', () => {
  const bodies: Uint8Array[] = [];
  const reader = new FrameReader((_kind, _format, _compression, body) => bodies.push(body), {
    maxMessageBytes: mebibyte,
  });
  const memory = Buffer.concat([
    frame({ body: bytes(10) }),
    frame({ body: bytes(20) }),
    frame({ body: bytes(30) }),
  ]);
  reader.push(memory.subarray(0, 40));
  reader.push(memory.subarray(40));
  memory.fill(0xee);
  assert.deepEqual(bodies, [bytes(10), bytes(20), bytes(30)]);
});
