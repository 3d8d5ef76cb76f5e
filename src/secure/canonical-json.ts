import { base64 } from '@scure/base';
import type { Data, NumericTypedArray } from '../data.ts';
import { elementBytes, elementTypeOf } from '../wire/typed-arrays.ts';

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
  switch (typeof data) {
    case 'string':
      return quoted(data);
    case 'boolean':
      return String(data);
    case 'bigint':
      return `{"$bigint":"${data}"}`;
    case 'number':
      if (Object.is(data, -0)) return '{"$number":"-0"}';
      return Number.isFinite(data) ? String(data) : `{"$number":"${data}"}`;
  }
  if (data === null) return 'null';
  if (Array.isArray(data)) return `[${data.map(canonicalJson).join(',')}]`;
  if (ArrayBuffer.isView(data)) return binary(data as Uint8Array | NumericTypedArray);
  return object(data as { readonly [key: string]: Data });
}

function object(value: { readonly [key: string]: Data }): string {
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${quoted(key.startsWith('$') ? `$${key}` : key)}:${canonicalJson(value[key]!)}`);
  return `{${members.join(',')}}`;
}

function binary(value: Uint8Array | NumericTypedArray): string {
  const type = elementTypeOf(value);
  const bytes = type === undefined ? (value as Uint8Array) : elementBytes(value, type);
  return `{"$binary":"${base64Text(bytes)}","type":"${type?.className ?? 'Uint8Array'}"}`;
}

function quoted(text: string): string {
  if (!text.isWellFormed()) {
    throw new TypeError(
      `data holds text with half a character, ${JSON.stringify(text)}, which cannot be signed`,
    );
  }
  return JSON.stringify(text);
}

/** Node's `Buffer` does it some hundred times as fast. */
function base64Text(bytes: Uint8Array): string {
  const { Buffer } = globalThis;
  if (Buffer === undefined) return base64.encode(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
