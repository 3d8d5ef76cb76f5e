import type { Data, NumericTypedArray } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { defaultLimits } from '../../base/limits.ts';
import { printable } from '../../base/printable.ts';
import type { Steps } from '../../base/steps.ts';
import {
  bytesOf,
  type ElementType,
  elementBytes,
  elementTypeOf,
  elementTypes,
  typedArrayOf,
} from '../../tensors/tensor/typed-arrays.ts';
import { cborSteps, decodeCbor, encodeCbor } from './cbor.ts';
import { countCborContainers } from './cbor-containers.ts';
import { checkData, hasEscapedKey, isPlainJson, maxDataDepth } from './check-data.ts';
import { jsonSteps } from './json-reader.ts';
import { checkJsonShape, countJsonContainers, type ShapeLimits } from './nesting.ts';
import { decodeText, encodeText } from './text.ts';

/** The formats of a message's data: one byte on the wire. */
export const PayloadFormat = {
  json: 1,
  text: 2,
  bytes: 3,
  cbor: 4,
  int8: 5,
  uint8Clamped: 6,
  int16: 7,
  uint16: 8,
  int32: 9,
  uint32: 10,
  bigInt64: 11,
  bigUint64: 12,
  float16: 13,
  float32: 14,
  float64: 15,
} as const;
export type PayloadFormat = (typeof PayloadFormat)[keyof typeof PayloadFormat];

/**
 * A message's data ready for the wire. If the data is binary, `body` may alias the caller's memory: copy it to keep it
 * beyond the current turn.
 */
export interface Payload {
  readonly format: number;
  /** A code of `compressionCodes`. 0: none. */
  readonly compression: number;
  readonly body: Uint8Array;
}

/** In bytes, containers included. Decoding more takes over 10 ms, so it is done in steps. */
const longBytes = 256 * 1024;

/** The approximate memory of a decoded list, object, key, byte string or typed array. */
export const containerCostBytes = 128;

const elementTypeByFormat = new Map<number, ElementType>(
  elementTypes.map((type) => [PayloadFormat[type.kind], type]),
);
const formatNames = new Map<number, string>(
  Object.entries(PayloadFormat).map(([name, format]) => [format, name]),
);

/**
 * Encodes data in the simplest format that loses nothing: text and binary data unchanged, JSON for what JSON can hold,
 * CBOR for everything else. Keys that are symbols are left out.
 *
 * @throws TypeError with the path of the first value that no format can carry.
 */
export function encodePayload(data: Data): Payload {
  if (typeof data === 'string' && data.isWellFormed()) return payload(PayloadFormat.text, encodeText(data));
  const bytes = bytesOf(data);
  if (bytes !== undefined) return payload(PayloadFormat.bytes, bytes);
  if (isPlainJson(data)) {
    const json = JSON.stringify(data);
    if (!json.includes('\\') || !hasEscapedKey(data)) return payload(PayloadFormat.json, encodeText(json));
  }
  const type = elementTypeOf(data);
  if (type === undefined) {
    checkData(data);
    return payload(PayloadFormat.cbor, encodeCbor(data));
  }
  return payload(PayloadFormat[type.kind], elementBytes(data as NumericTypedArray, type));
}

/**
 * Decodes a payload of {@link encodePayload}, or of another implementation. If {@link isDataItself}, the data is a view
 * of `body`. All other data has its own memory.
 *
 * @throws PeerloomError `ERR_MESSAGE_INVALID`, never anything else.
 */
export function decodePayload(
  format: number,
  body: Uint8Array,
  { maxDepth = maxDataDepth, maxContainers = defaultLimits.maxContainers }: Partial<ShapeLimits> = {},
): Data {
  const limits = { maxDepth, maxContainers };
  try {
    if (format === PayloadFormat.cbor) return decodeCbor(plainBytes(body), limits);
    if (format !== PayloadFormat.json) return decodeFlat(format, body);
    // This is several times as fast as decoding in steps.
    checkJsonShape(body, limits);
    return JSON.parse(decodeText(body));
  } catch (cause) {
    throw undecodable(format, cause);
  }
}

/** A body up to this length is decoded at once, even if each byte is a container. */
export const neverLongBytes = Math.floor(longBytes / (1 + containerCostBytes));

/** Whether {@link decodePayload} takes so long that {@link payloadSteps} should be used. */
export function takesLong(format: number, body: Uint8Array): boolean {
  const hasParts = format === PayloadFormat.json || format === PayloadFormat.cbor;
  if (!hasParts || body.length <= neverLongBytes) return false;
  return body.length > longBytes || unfoldedBytes(format, body) > longBytes;
}

/** {@link decodePayload} in steps of a few milliseconds. Only the first step is longer: it scans all bytes once. */
export function* payloadSteps(
  format: number,
  body: Uint8Array,
  { maxDepth = maxDataDepth, maxContainers = defaultLimits.maxContainers }: Partial<ShapeLimits> = {},
): Steps<Data> {
  const limits = { maxDepth, maxContainers };
  try {
    if (format === PayloadFormat.cbor) return yield* cborSteps(plainBytes(body), limits);
    if (format !== PayloadFormat.json) return decodeFlat(format, body);
    // A body that exceeds a limit must not be half decoded, because that takes many times its size.
    checkJsonShape(body, limits);
    yield;
    return yield* jsonSteps(decodeText(body), limits);
  } catch (cause) {
    throw undecodable(format, cause);
  }
}

/** {@link decodePayload} in one step, or in many if it {@link takesLong}. */
export function* decodeInSteps(format: number, body: Uint8Array, limits?: Partial<ShapeLimits>): Steps<Data> {
  return takesLong(format, body)
    ? yield* payloadSteps(format, body, limits)
    : decodePayload(format, body, limits);
}

function undecodable(format: number, cause: unknown): PeerloomError {
  const name = formatNameOf(format);
  const reason = printable(cause instanceof Error ? cause.message : String(cause));
  const message = `a message (${name}) cannot be decoded: ${reason}`;
  return new PeerloomError('ERR_MESSAGE_INVALID', message, { cause });
}

/** The name of a format for error messages; the number of an unknown format. */
export function formatNameOf(format: number): string {
  return formatNames.get(format) ?? `format ${format}`;
}

/** Whether the decoded data is a view of the body. */
export function isDataItself(format: number): boolean {
  return format === PayloadFormat.bytes || format > PayloadFormat.cbor;
}

/** Memory of a decoded body: its bytes, and {@link containerCostBytes} for each container. */
export function unfoldedBytes(format: number, body: Uint8Array): number {
  return body.length + containerCostBytes * countContainers(format, body);
}

/** How many lists, objects, byte strings and typed arrays a body holds. */
export function countContainers(format: number, body: Uint8Array): number {
  if (format === PayloadFormat.json) return countJsonContainers(body);
  if (format === PayloadFormat.cbor) return countCborContainers(body);
  return 0;
}

function payload(format: PayloadFormat, body: Uint8Array): Payload {
  return { format, compression: 0, body };
}

/** Decodes data without parts: text, bytes, a typed array. */
function decodeFlat(format: number, body: Uint8Array): Data {
  if (format === PayloadFormat.text) return decodeText(body);
  if (format === PayloadFormat.bytes) return plainBytes(body);
  const type = elementTypeByFormat.get(format);
  if (type === undefined) throw new Error('its format is unknown');
  return typedArrayOf(body, type);
}

/** A Buffer is a Uint8Array with other methods, such as `slice`. Data and decoders get a plain Uint8Array. */
function plainBytes(body: Uint8Array): Uint8Array {
  if (body.constructor === Uint8Array) return body;
  return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
}
