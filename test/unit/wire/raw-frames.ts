import { FrameFlag, FrameKind, frameHeaderBytes, writeFrameHeader } from '../../../src/wire/frames/frame.ts';
import { type Frame, FrameReader } from '../../../src/wire/frames/frame-reader.ts';

const more = FrameFlag.more;

interface Raw {
  readonly kind?: number;
  readonly flags?: number;
  readonly format?: number;
  readonly compression?: number;
  readonly body?: Uint8Array;
  /** What the header says. Default the truth. */
  readonly length?: number;
}

/** A frame, with as many lies in it as wanted. */
export function frame({
  kind = FrameKind.message,
  flags = 0,
  format = 0,
  compression = 0,
  body = Buffer.alloc(0),
  length,
}: Raw): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + body.length);
  writeFrameHeader(bytes, 0, { kind, flags, format, compression, length: length ?? body.length });
  bytes.set(body, frameHeaderBytes);
  return bytes;
}

/** A first frame of a cut message: the length of the whole stands before everything else. */
export function firstFrame(total: number, content: Uint8Array, fields: Raw = {}): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(total);
  return frame({ flags: more, body: Buffer.concat([length, content]), ...fields });
}

export const part = (content: Uint8Array, flags: number = more): Buffer =>
  frame({ kind: FrameKind.part, flags, body: content });

/** Reads pieces and gives back what came out, with bodies as they were at that moment. */
export function read(
  pieces: Iterable<Uint8Array>,
  limits: ConstructorParameters<typeof FrameReader>[1] = { maxMessageBytes: 2 ** 20 },
) {
  const frames: Frame[] = [];
  const reader = new FrameReader(
    (kind, format, compression, body) => frames.push({ kind, format, compression, body: body.slice() }),
    limits,
  );
  for (const piece of pieces) {
    // The reader may look at what it is given only during the call.
    const given = Buffer.from(piece);
    reader.push(given);
    given.fill(0xee);
  }
  return frames;
}

/** Bytes that differ from their neighbours. */
export const bytes = (length: number, seed = 0): Uint8Array<ArrayBuffer> =>
  new Uint8Array(length).map((_, index) => (seed + index * 31) % 251);
