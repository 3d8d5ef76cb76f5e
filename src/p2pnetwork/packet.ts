import { shown } from '../base/arguments.ts';
import type { Pace } from '../base/computing-pace.ts';
import type { Compression, Data, NumericTypedArray } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import { defaultLimits } from '../base/limits.ts';
import { bytesOf, elementBytes, elementTypeOf } from '../tensors/tensor/typed-arrays.ts';
import { alone } from '../wire/frames/own-memory.ts';
import { maxBigIntegerDigits } from '../wire/payloads/big-integers.ts';
import { maxDataDepth } from '../wire/payloads/check-data.ts';
import { checkJsonShape } from '../wire/payloads/nesting.ts';
import { decodeText, encodeText } from '../wire/payloads/text.ts';
import { pack, unpack } from './compressed.ts';
import { packetEnd } from './packet-reader.ts';
import {
  digitsIn,
  isLongWhole,
  type JsonReading,
  readJson,
  readJsonInSteps,
  takesLong,
  writeJson,
} from './python-json.ts';

/*
 * A packet does not say of what type its data is. Both sides guess: what JSON can be read from is that value, other
 * UTF-8 is text, anything else is bytes.
 *
 *   plain        data 0x04
 *   compressed   base64(compressed data, name of the compression) 0x02 0x04
 */

/** Stands before the end of a compressed packet. */
const compressedMark = 0x02;

/** What a value in JSON can begin with; the names stand alone. */
const looksLikeJson = /^[ \t\n\r]*(?:["[{]|-?\d|(?:true|false|null|NaN|-?Infinity)[ \t\n\r]*$)/;

/** How a packet is written. */
export interface PacketOptions {
  readonly compression?: Compression | undefined;
  /** The data is text that goes as it is, whatever the other side reads in it. */
  readonly verbatim?: boolean | undefined;
}

/** What a packet holds. */
export interface PacketContent {
  readonly data: Data;
  /** The text that the data was read from, or is; `undefined` for bytes. */
  readonly text: string | undefined;
  /** How many lists and objects the data holds, where counting them again would take long. */
  readonly containers?: number;
}

/**
 * The packet that makes a Python node see this data. Typed arrays go as their bytes, the lowest of each element
 * first; text that the other side would take for JSON goes as JSON text, and arrives as it was.
 *
 * @throws PeerloomError `ERR_NOT_REPRESENTABLE` for what would arrive as something else,
 * `ERR_COMPRESSION_UNAVAILABLE`; TypeError for what is not data, or is to go as it is and no text.
 */
export function encodePacket(
  data: Data,
  { compression = 'none', verbatim = false }: PacketOptions = {},
): Uint8Array {
  const body = verbatim ? verbatimBody(data) : encodeBody(data);
  if (compression === 'none') {
    checkReserved(body);
    return withEnd(body, packetEnd);
  }
  return withEnd(encodeText(pack(body, compression)), compressedMark, packetEnd);
}

/** Whether a packet without its end says that it is compressed. */
export function isCompressed(packet: Uint8Array): boolean {
  return packet.at(-1) === compressedMark;
}

/**
 * What a packet without its end holds, decompressed.
 *
 * @throws PeerloomError `ERR_MESSAGE_INVALID`, `ERR_MESSAGE_TOO_LARGE`, `ERR_DECOMPRESSION`,
 * `ERR_COMPRESSION_UNAVAILABLE`.
 */
export function packetBody(packet: Uint8Array, maxMessageBytes: number): Uint8Array;
/** At a pace it may give a promise, see `decompress`. */
export function packetBody(
  packet: Uint8Array,
  maxMessageBytes: number,
  pace: Pace | undefined,
): Uint8Array | Promise<Uint8Array>;
export function packetBody(
  packet: Uint8Array,
  maxMessageBytes: number,
  pace?: Pace,
): Uint8Array | Promise<Uint8Array> {
  if (isCompressed(packet)) return unpack(packet.subarray(0, -1), maxMessageBytes, pace);
  if (packet.length <= maxMessageBytes) return packet;
  const message = `the message has ${packet.length} bytes, but at most ${maxMessageBytes} are allowed (limits.maxMessageBytes)`;
  throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
}

/**
 * The data of such a body, as a Python node would guess it. Without bigints, a whole number beyond 2^53 that stands alone
 * is read as text, which is how it was sent. Bytes have memory of their own: the memory of `body` if nothing else lies
 * there.
 *
 * @throws PeerloomError `ERR_MESSAGE_INVALID`.
 */
export function decodePacketBody(body: Uint8Array, reading: JsonReading): PacketContent;
/** At a pace it gives a promise for what takes long. */
export function decodePacketBody(
  body: Uint8Array,
  reading: JsonReading,
  pause: Pace['pause'] | undefined,
): PacketContent | Promise<PacketContent>;
export function decodePacketBody(
  body: Uint8Array,
  reading: JsonReading,
  pause?: Pace['pause'],
): PacketContent | Promise<PacketContent> {
  const text = asText(body);
  if (text === undefined) {
    const { buffer, byteOffset, byteLength } = alone(body);
    return { data: new Uint8Array(buffer, byteOffset, byteLength), text };
  }
  if (!looksLikeJson.test(text) || isTextOfDigits(text, reading)) return { data: text, text };
  const unread = (cause: unknown): PacketContent => {
    if (cause instanceof SyntaxError) return { data: text, text };
    const message = `a message cannot be decoded: ${(cause as Error).message}`;
    throw new PeerloomError('ERR_MESSAGE_INVALID', message, { cause });
  };
  if (pause !== undefined && takesLong(text)) {
    return readJsonInSteps(text, reading, pause).then((read) => ({ ...read, text }), unread);
  }
  try {
    checkJsonShape(body, { maxDepth: maxDataDepth, maxContainers: reading.maxContainers });
    return { data: readJson(text, reading), text };
  } catch (cause) {
    return unread(cause);
  }
}

/** Both in one, within the default of what a message may hold. */
export function decodePacket(packet: Uint8Array, maxMessageBytes: number, bigIntegers = false): Data {
  const reading = { maxContainers: defaultLimits.maxContainers, bigIntegers };
  return decodePacketBody(packetBody(packet, maxMessageBytes), reading).data;
}

function verbatimBody(data: Data): Uint8Array {
  if (typeof data !== 'string') throw new TypeError(`verbatim is only for text, but data is ${shown(data)}`);
  if (!data.isWellFormed()) {
    throw new PeerloomError(
      'ERR_NOT_REPRESENTABLE',
      'text with half of a surrogate pair cannot be sent verbatim',
    );
  }
  return encodeText(data);
}

function encodeBody(data: Data): Uint8Array {
  if (typeof data === 'string') return encodeText(arrivesAsText(data) ? data : JSON.stringify(data));
  const bytes = bytesOf(data);
  if (bytes !== undefined) return checkNotJson(bytes);
  const type = elementTypeOf(data);
  if (type === undefined) return encodeText(writeJson(data));
  return checkNotJson(elementBytes(data as NumericTypedArray, type));
}

function arrivesAsText(text: string): boolean {
  return text !== '' && text.isWellFormed() && !looksLikeJson.test(text);
}

/** Bytes that are UTF-8 arrive as text, and lose nothing; those that are JSON would arrive as its value. */
function checkNotJson(bytes: Uint8Array): Uint8Array {
  const text = asText(bytes);
  if (text !== undefined && looksLikeJson.test(text) && isJson(text, bytes)) {
    throw new PeerloomError(
      'ERR_NOT_REPRESENTABLE',
      'these bytes are JSON text, which a Python node would receive as a value: send the value itself',
    );
  }
  return bytes;
}

/** Also for what a Python node fails on: JSON nested too deep, and numbers too long. */
function isJson(text: string, bytes: Uint8Array): boolean {
  try {
    const maxContainers = Number.POSITIVE_INFINITY;
    checkJsonShape(bytes, { maxDepth: maxDataDepth, maxContainers });
    readJson(text, { bigIntegers: true, maxContainers });
    return true;
  } catch (error) {
    return !(error instanceof SyntaxError);
  }
}

/** @throws PeerloomError `ERR_NOT_REPRESENTABLE` where the end of the packet would be seen in the wrong place. */
function checkReserved(body: Uint8Array): void {
  const reason = body.includes(packetEnd)
    ? 'the byte 0x04 would end it'
    : body.length === 0
      ? 'an empty message would stop the node from reading'
      : body.at(-1) === compressedMark
        ? 'the byte 0x02 at the end would mark it as compressed'
        : undefined;
  if (reason === undefined) return;
  throw new PeerloomError(
    'ERR_NOT_REPRESENTABLE',
    `a Python node cannot receive this message as it is: ${reason}. Send it with { compression: 'zlib' }`,
  );
}

/** A whole number that stands alone and that this side does not read as one. */
function isTextOfDigits(text: string, { bigIntegers }: JsonReading): boolean {
  const digits = text.trim();
  return isLongWhole(digits) && (!bigIntegers || digitsIn(digits) > maxBigIntegerDigits);
}

/** `undefined` for what is not UTF-8. */
function asText(bytes: Uint8Array): string | undefined {
  try {
    return decodeText(bytes);
  } catch {
    return undefined;
  }
}

function withEnd(body: Uint8Array, ...end: number[]): Uint8Array {
  const packet = new Uint8Array(body.length + end.length);
  packet.set(body);
  packet.set(end, body.length);
  return packet;
}
