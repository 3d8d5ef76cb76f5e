import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { PeerloomError } from '../../src/base/errors.ts';
import {
  FrameFlag,
  FrameKind,
  frameHeaderBytes,
  writeFrameHeader,
  writeUint32,
} from '../../src/wire/frames/frame.ts';
import { type Frame, FrameReader } from '../../src/wire/frames/frame-reader.ts';
import { fuzz } from './fuzz.ts';

const limits = { maxBodyBytes: 300, maxMessageBytes: 1_000 };

/** What came of a stream: its frames, and how it ended. */
interface Reading {
  readonly frames: readonly Frame[];
  readonly error: string | undefined;
}

/** Reads a stream in pieces of the given lengths, in memory that is used again as sockets do. */
function read(stream: Uint8Array, pieceLengths: readonly number[]): Reading {
  const frames: Frame[] = [];
  const reader = new FrameReader(
    (kind, format, compression, body) => frames.push({ kind, format, compression, body }),
    limits,
  );
  const memory = new Uint8Array(stream.length);
  try {
    for (let at = 0, index = 0; at < stream.length; index++) {
      const piece = stream.subarray(at, at + (pieceLengths[index] ?? stream.length));
      memory.set(piece);
      reader.push(memory.subarray(0, piece.length));
      memory.fill(0xaa);
      at += piece.length;
    }
  } catch (error) {
    assert.ok(error instanceof PeerloomError, String(error));
    return { frames: plain(frames), error: `${error.code}: ${error.message}` };
  }
  return { frames: plain(frames), error: undefined };
}

/** With bodies that compare by what is in them alone. */
function plain(frames: readonly Frame[]): Frame[] {
  return frames.map((frame) => ({ ...frame, body: Uint8Array.from(frame.body) }));
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(pieces));
}

interface Written {
  readonly kind: number;
  readonly flags: number;
  readonly format: number;
  readonly compression: number;
  readonly length: number;
  readonly body: Uint8Array;
}

function write({ body, ...header }: Written): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes + body.length);
  writeFrameHeader(bytes, 0, header);
  bytes.set(body, frameHeaderBytes);
  return bytes;
}

const byte = fc.nat(255);
const anyPieces = fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 400 })), {
  maxLength: 60,
});
const anyBody = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 330 }));
const anyKind = fc.oneof(fc.constantFrom(...Object.values(FrameKind)), byte);

/** A frame, right or wrong in any of its fields. */
const anyFrame = fc
  .record({
    kind: anyKind,
    flags: fc.oneof({ weight: 8, arbitrary: fc.constantFrom(0, 0, 1) }, { weight: 1, arbitrary: byte }),
    format: byte,
    compression: byte,
    body: anyBody,
    total: fc.option(fc.nat(1_100)),
    lie: fc.option(fc.oneof(fc.nat(400), fc.nat(2 ** 32 - 1)), { freq: 20 }),
  })
  .map(({ body, total, lie, ...header }) => {
    const content = total === null ? body : join([uint32(total), body]);
    return write({ ...header, body: content, length: lie ?? content.length });
  });

const anyStream = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.array(anyFrame, { maxLength: 8 }).map(join));

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, value);
  return bytes;
}

/** A message as a well-behaved peer sends it: whole, or cut into parts at the given places. */
const anyMessage = fc
  .record({
    kind: fc.constantFrom(FrameKind.message, FrameKind.deliver, FrameKind.request, FrameKind.response),
    format: byte,
    compression: byte,
    body: fc.uint8Array({ minLength: 1, maxLength: limits.maxMessageBytes }),
    cut: fc.integer({ min: 1, max: limits.maxBodyBytes - 4 }),
    pings: fc.nat(2),
  })
  .map(({ kind, format, compression, body, cut, pings }) => {
    const message = { kind, format, compression, body };
    if (body.length <= cut) {
      return { frames: [message], bytes: write({ ...message, flags: 0, length: body.length }) };
    }
    const ping = { kind: FrameKind.ping, format: 0, compression: 0, body: uint32(7) };
    const between = Array.from({ length: pings }, () => write({ ...ping, flags: 0, length: 4 }));
    const first = join([uint32(body.length), body.subarray(0, cut)]);
    const pieces = [write({ ...message, flags: FrameFlag.more, body: first, length: first.length })];
    for (let at = cut; at < body.length; at += cut) {
      const part = body.subarray(at, at + cut);
      const flags = at + cut < body.length ? FrameFlag.more : 0;
      pieces.push(...between);
      pieces.push(
        write({ kind: FrameKind.part, flags, format: 0, compression: 0, body: part, length: part.length }),
      );
    }
    const parts = Math.ceil(body.length / cut) - 1;
    return { frames: [...Array.from({ length: parts * pings }, () => ping), message], bytes: join(pieces) };
  });

suite('the frame reader', () => {
  test('any bytes, in any pieces, give the same frames and the same end', () => {
    fuzz(
      'the frame reader',
      fc.property(anyStream, anyPieces, (stream, pieces) => {
        assert.deepEqual(read(stream, pieces), read(stream, []));
      }),
      5_000,
    );
  });

  test('what a well-behaved peer sends is read, in any pieces', () => {
    fuzz(
      'the frame reader',
      fc.property(fc.array(anyMessage, { maxLength: 5 }), anyPieces, (messages, pieces) => {
        const stream = join(messages.map(({ bytes }) => bytes));
        const expected = messages.flatMap(({ frames }) => frames);
        assert.deepEqual(read(stream, pieces), { frames: plain(expected as Frame[]), error: undefined });
      }),
      1_000,
    );
  });

  test('and damaged, it is read up to the damage, or to its end', () => {
    fuzz(
      'the frame reader',
      fc.property(
        fc.array(anyMessage, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        anyPieces,
        (messages, place, mask, pieces) => {
          const stream = join(messages.map(({ bytes }) => bytes));
          const at = place % stream.length;
          stream[at]! ^= mask;
          const { frames, error } = read(stream, pieces);
          assert.deepEqual({ frames, error }, read(stream, []));
          let intact = 0;
          let end = 0;
          for (const message of messages) {
            end += message.bytes.length;
            if (end > at) break;
            intact += message.frames.length;
          }
          const expected = messages.flatMap((message) => message.frames).slice(0, intact);
          assert.deepEqual(frames.slice(0, intact), plain(expected as Frame[]));
        },
      ),
      1_000,
    );
  });

  test('no frame is longer than the limits', () => {
    fuzz(
      'the frame reader',
      fc.property(anyStream, anyPieces, (stream, pieces) => {
        for (const { body } of read(stream, pieces).frames) {
          assert.ok(body.length <= limits.maxMessageBytes);
        }
      }),
      2_000,
    );
  });
});
