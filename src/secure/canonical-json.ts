import { base64 } from '@scure/base';
import type { Data, NumericTypedArray } from '../data.ts';
import { elementBytes, elementTypeOf } from '../wire/typed-arrays.ts';

/** Takes the pieces of a text, in their order. */
export interface TextSink {
  text(piece: string): void;
  /** The base64 text of some bytes. */
  base64(bytes: Uint8Array): void;
}

/**
 * The one JSON text of a value, by RFC 8785: keys sorted by their UTF-16 code units, no white space, numbers as
 * ECMAScript writes them. What JSON has no form for becomes an object with one of three marks, and a key that begins
 * with `$` gets a second one, so that no two values share a text:
 *
 * - bytes and typed arrays: `{"$binary":"<base64>","type":"Float32Array"}`, elements little-endian;
 * - the numbers that JSON lacks: `{"$number":"NaN"}`, `"Infinity"`, `"-Infinity"`, `"-0"`;
 * - bigints: `{"$bigint":"<decimal digits>"}`, with a `-` before those of a negative one.
 *
 * Properties that are undefined are left out, as a message leaves them out.
 *
 * @param data what a message can hold.
 * @throws TypeError for text that is not well-formed Unicode (RFC 8785 section 3.2.2.2).
 */
export function canonicalJson(data: Data): string {
  let text = '';
  writeCanonicalJson(data, {
    text: (piece) => {
      text += piece;
    },
    base64: (bytes) => {
      text += base64Text(bytes);
    },
  });
  return text;
}

/** Writes {@link canonicalJson} piece by piece. @throws TypeError as that does. */
export function writeCanonicalJson(data: Data, sink: TextSink): void {
  if (typeof data !== 'object' || data === null) sink.text(scalarText(data));
  else if (Array.isArray(data)) writeList(data, sink);
  else if (ArrayBuffer.isView(data)) writeBinary(data as Uint8Array | NumericTypedArray, sink);
  else writeObject(data as { readonly [key: string]: Data }, sink);
}

/** Node's `Buffer` does it some hundred times as fast. */
export function base64Text(bytes: Uint8Array): string {
  const { Buffer } = globalThis;
  if (Buffer === undefined) return base64.encode(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function scalarText(data: string | number | bigint | boolean | null): string {
  if (typeof data === 'string') return quoted(data);
  if (typeof data === 'bigint') return `{"$bigint":"${data}"}`;
  if (typeof data !== 'number') return String(data);
  if (Object.is(data, -0)) return '{"$number":"-0"}';
  return Number.isFinite(data) ? String(data) : `{"$number":"${data}"}`;
}

function writeList(list: readonly Data[], sink: TextSink): void {
  let separator = '[';
  for (const item of list) {
    sink.text(separator);
    writeCanonicalJson(item, sink);
    separator = ',';
  }
  sink.text(list.length === 0 ? '[]' : ']');
}

function writeObject(value: { readonly [key: string]: Data }, sink: TextSink): void {
  const keys = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort();
  let separator = '{';
  for (const key of keys) {
    sink.text(`${separator}${quoted(key.startsWith('$') ? `$${key}` : key)}:`);
    writeCanonicalJson(value[key]!, sink);
    separator = ',';
  }
  sink.text(keys.length === 0 ? '{}' : '}');
}

function writeBinary(value: Uint8Array | NumericTypedArray, sink: TextSink): void {
  const type = elementTypeOf(value);
  sink.text('{"$binary":"');
  sink.base64(type === undefined ? (value as Uint8Array) : elementBytes(value, type));
  sink.text(`","type":"${type?.className ?? 'Uint8Array'}"}`);
}

function quoted(text: string): string {
  if (!text.isWellFormed()) {
    throw new TypeError(
      `data contains text with half of a surrogate pair, ${JSON.stringify(text)}, which cannot be signed`,
    );
  }
  return JSON.stringify(text);
}
