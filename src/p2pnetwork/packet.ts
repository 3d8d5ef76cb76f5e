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
 * A packet does not name the type of its data. Both sides guess: valid JSON is its value, other UTF-8 is text, anything
 * else is bytes.
 *
 *   plain        data 0x04
 *   compressed   base64(compressed data, name of the compression) 0x02 0x04
 */

/** Precedes the end of a compressed packet. */
const compressedMark = 0x02;

/** Matches the possible beginnings of JSON values. Names must be the whole text. */
const looksLikeJson = /^[ \t\n\r]*(?:["[{]|-?\d|(?:true|false|null|NaN|-?Infinity)[ \t\n\r]*$)/;

/** How a packet is written. */
export interface PacketOptions {
  readonly compression?: Compression | undefined;
  /** Whether the data is text to be sent unchanged, even if the other side reads it as JSON. */
  readonly verbatim?: boolean | undefined;
}

/** What a packet holds. */
export interface PacketContent {
  readonly data: Data;
  /** The text of the packet. `undefined` for bytes. */
  readonly text: string | undefined;
  /** How many lists and objects the data holds, if counting them again would take long. */
  readonly containers?: number;
}

/**
 * Encodes data for a Python node. Typed arrays are sent as their bytes, little-endian. Text that the other side would
 * take for JSON is sent as a JSON string, so that it arrives unchanged.
 *
 * @throws PeerloomError `ERR_NOT_REPRESENTABLE` for data that would arrive as something else,
 * `ERR_COMPRESSION_UNAVAILABLE`; TypeError for anything but data, and for `verbatim` with anything but text.
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

/** Whether a packet (without its end) is compressed. */
export function isCompressed(packet: Uint8Array): boolean {
  return packet.at(-1) === compressedMark;
}

/**
 * The decompressed body of a packet (without its end).
 *
 * @throws PeerloomError `ERR_MESSAGE_INVALID`, `ERR_MESSAGE_TOO_LARGE`, `ERR_DECOMPRESSION`,
 * `ERR_COMPRESSION_UNAVAILABLE`.
 */
export function packetBody(packet: Uint8Array, maxMessageBytes: number): Uint8Array;
/** With a pace, it may return a promise, see `decompress`. */
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
 * Decodes a body as a Python node would. Without bigints, a body that is only a whole number beyond 2^53 is read as
 * text. Bytes get their own memory: the memory of `body` if it holds nothing else.
 *
 * @throws PeerloomError `ERR_MESSAGE_INVALID`.
 */
export function decodePacketBody(body: Uint8Array, reading: JsonReading): PacketContent;
/** With a pace, it returns a promise if decoding takes long. */
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

/** Both in one, within the default limits of a message. */
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

/**
 * Bytes that are UTF-8 arrive as text, without loss. Bytes that are JSON would arrive as its value, so they are
 * refused.
 */
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

/**
 * Whether a Python node would read it as JSON. Also true for JSON on which it fails: too deep, or with too long
 * numbers.
 */
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

/** @throws PeerloomError `ERR_NOT_REPRESENTABLE` if the receiver would see the end of the packet in the wrong place. */
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

/** Whether the text is only a whole number that this side does not read as a number. */
function isTextOfDigits(text: string, { bigIntegers }: JsonReading): boolean {
  const digits = text.trim();
  return isLongWhole(digits) && (!bigIntegers || digitsIn(digits) > maxBigIntegerDigits);
}

/** `undefined` if the bytes are not UTF-8. */
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
