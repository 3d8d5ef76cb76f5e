import { PeerloomError } from '../../base/errors.ts';
import { allocate } from './memory.ts';

/*
 * A frame (docs/protocol.md, clauses 3.x):
 *
 *    0       4      5       6        7             8
 *    +-------+------+-------+--------+-------------+--------------------+
 *    | length| kind | flags | format | compression | body: length bytes |
 *    +-------+------+-------+--------+-------------+--------------------+
 *      u32 BE   u8     u8      u8          u8
 *
 * `format` and `compression` say how the payload of a message is encoded. In a frame of a protocol, they hold the place
 * of the protocol in the sender's hello, and how often the sender's session broke. In other frames they are 0. The body
 * of a call or an answer (request, response, failure, deliver, delivered, ping, pong) begins with a u32 that pairs the
 * two. The body of a stream's frame begins with the u32 number of the stream. A message longer than one frame is cut.
 * Its first frame has the `more` flag, and its body begins with the total length as a u32. `part` frames follow; all
 * but the last have the flag. Frames of other kinds may come between them, other messages may not.
 */

export const frameHeaderBytes = 8;

/** The number that pairs a request with its response, at the beginning of both bodies. */
export const idBytes = 4;

/** The length of a cut message, at the beginning of its first frame's body. */
export const totalBytes = 4;

const positionBytes = 8;

/** The longest body of a frame. Longer bodies are cut into parts. */
export const maxFrameBodyBytes = 256 * 1024;

export const FrameKind = {
  hello: 1,
  accept: 2,
  goodbye: 3,
  ping: 4,
  pong: 5,
  part: 6,
  acknowledge: 7,
  streamData: 8,
  streamCredit: 9,
  streamEnd: 10,
  streamAbort: 11,
  credit: 12,
  carry: 13,
  message: 16,
  deliver: 17,
  delivered: 18,
  request: 19,
  response: 20,
  failure: 21,
  streamOpen: 22,
  protocol: 23,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** Whether a frame is about one link of a session. Such frames are not part of what the session carries. */
export function isOfLink(kind: number): boolean {
  return kind === FrameKind.acknowledge || kind === FrameKind.carry;
}

export const FrameFlag = { more: 1 } as const;

/** Writes the header of a frame at `offset`. */
export function writeFrameHeader(
  target: Uint8Array,
  offset: number,
  { kind, flags, format, compression, length }: FrameHeader,
): void {
  target[offset] = length >>> 24;
  target[offset + 1] = length >>> 16;
  target[offset + 2] = length >>> 8;
  target[offset + 3] = length;
  target[offset + 4] = kind;
  target[offset + 5] = flags;
  target[offset + 6] = format;
  target[offset + 7] = compression;
}

/** A whole frame without a payload. */
export function smallFrame(kind: number, body: Uint8Array): Uint8Array {
  const frame = allocate(frameHeaderBytes + body.length);
  writeFrameHeader(frame, 0, { kind, flags: 0, format: 0, compression: 0, length: body.length });
  frame.set(body, frameHeaderBytes);
  return frame;
}

export interface FrameHeader {
  readonly kind: number;
  readonly flags: number;
  readonly format: number;
  readonly compression: number;
  /** Bytes of the body. */
  readonly length: number;
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>>
    0
  );
}

export function writeUint32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

/** The 8-byte form of a position in a session or a lane: a whole number up to 2^53 - 1. */
export function positionBody(position: number): Uint8Array {
  const body = new Uint8Array(positionBytes);
  writeUint32(body, 0, Math.floor(position / 2 ** 32));
  writeUint32(body, 4, position % 2 ** 32);
  return body;
}

/** @throws PeerloomError `ERR_PROTOCOL` if the body is not a position. */
export function positionOf(body: Uint8Array): number {
  const position = body.length === positionBytes ? readUint32(body, 0) * 2 ** 32 + readUint32(body, 4) : -1;
  if (Number.isSafeInteger(position) && position >= 0) return position;
  throw new PeerloomError('ERR_PROTOCOL', 'a frame without its position');
}

/** The body of a frame that holds only its number. */
export function idBody(id: number): Uint8Array {
  const body = new Uint8Array(idBytes);
  writeUint32(body, 0, id);
  return body;
}

/**
 * The number at the beginning of a body.
 *
 * @throws PeerloomError `ERR_PROTOCOL` if the body is too short.
 */
export function idOf(kind: number, body: Uint8Array): number {
  if (body.length < idBytes)
    throw new PeerloomError('ERR_PROTOCOL', `a frame of kind ${kind} without its number`);
  return readUint32(body, 0);
}
