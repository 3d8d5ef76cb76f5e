import { PeerloomError } from '../../base/errors.ts';
import { printable } from '../../base/printable.ts';
import type { Payload } from '../payloads/payload.ts';
import { FrameKind, frameHeaderBytes, idBytes, readUint32, writeFrameHeader, writeUint32 } from './frame.ts';
import { parseObject } from './hello.ts';

/*
 * The frames of streams (docs/protocol.md, clauses 9.x), each with the stream's number in front:
 *
 *   open     number, window, header     the window is what the opener accepts; the header is a payload
 *   credit   number, bytes              the receiver accepts this many more; the first credit accepts the stream
 *   data     number, bytes              uses up credit for the whole frame
 *   end      number                     the sender has no more data
 *   abort    number, JSON               refuses the stream, or ends both directions
 */

/** The overhead of a data frame in bytes, on the wire and in the credit. */
export const streamDataHeaderBytes = frameHeaderBytes + idBytes;

/** The length of the window field, before the header of a stream. */
export const openPrefixBytes = 4;

/** The longest header of a stream. */
export const maxStreamHeaderBytes = 64 * 1024;

/** The largest credit that one side may hold. */
export const maxStreamCredit = 2 ** 31 - 1;

/** The reasons for giving up a stream, as they are sent. */
export const streamAbortCodes = {
  aborted: 'the stream was aborted',
  limit: 'there are as many streams as the node allows',
  handler: 'the handler of the stream failed, or there is none',
} as const;
export type StreamAbortCode = keyof typeof streamAbortCodes;

export interface StreamAbort {
  readonly code: StreamAbortCode;
  /** A sentence for people. */
  readonly message: string;
}

const encoder = new TextEncoder();
const maxMessageLength = 500;

/** The payload of an open frame, which follows its number. */
export function encodeStreamOpen(windowBytes: number, header: Payload): Payload {
  const body = new Uint8Array(openPrefixBytes + header.body.length);
  writeUint32(body, 0, windowBytes);
  body.set(header.body, openPrefixBytes);
  return { ...header, body };
}

/** @throws PeerloomError `ERR_PROTOCOL`. */
export function decodeStreamOpen(body: Uint8Array): { windowBytes: number; header: Uint8Array } {
  const headerAt = idBytes + openPrefixBytes;
  if (body.length < headerAt || body.length > headerAt + maxStreamHeaderBytes) {
    throw new PeerloomError('ERR_PROTOCOL', `a frame that opens a stream cannot have ${body.length} bytes`);
  }
  const windowBytes = readUint32(body, idBytes);
  if (windowBytes === 0 || windowBytes > maxStreamCredit) {
    throw new PeerloomError('ERR_PROTOCOL', `a stream cannot have a window of ${windowBytes} bytes`);
  }
  return { windowBytes, header: body.subarray(headerAt) };
}

export function streamCreditBody(id: number, bytes: number): Uint8Array {
  const body = new Uint8Array(2 * idBytes);
  writeUint32(body, 0, id);
  writeUint32(body, idBytes, bytes);
  return body;
}

/** @throws PeerloomError `ERR_PROTOCOL`. */
export function decodeStreamCredit(body: Uint8Array): number {
  const bytes = body.length === 2 * idBytes ? readUint32(body, idBytes) : 0;
  if (bytes === 0) throw new PeerloomError('ERR_PROTOCOL', 'a credit for a stream without an amount');
  return bytes;
}

export function streamAbortBody(id: number, { code, message }: StreamAbort): Uint8Array {
  const text = encoder.encode(JSON.stringify({ code, message: message.slice(0, maxMessageLength) }));
  const body = new Uint8Array(idBytes + text.length);
  writeUint32(body, 0, id);
  body.set(text, idBytes);
  return body;
}

/** Unknown codes, of newer versions, count as `aborted`. @throws PeerloomError `ERR_HANDSHAKE`. */
export function decodeStreamAbort(body: Uint8Array): StreamAbort {
  const { code, message } = parseObject(body.subarray(idBytes), 'abort');
  const known = typeof code === 'string' && Object.hasOwn(streamAbortCodes, code);
  const abortCode = known ? (code as StreamAbortCode) : 'aborted';
  const text = typeof message === 'string' ? printable(message.slice(0, maxMessageLength)) : '';
  return { code: abortCode, message: text || streamAbortCodes[abortCode] };
}

/** Writes everything before the data of a frame, at `offset`. */
export function writeStreamDataHeader(target: Uint8Array, offset: number, id: number, length: number): void {
  const kind = FrameKind.streamData;
  writeFrameHeader(target, offset, { kind, flags: 0, format: 0, compression: 0, length: idBytes + length });
  writeUint32(target, offset + frameHeaderBytes, id);
}
