import { base64 } from '@scure/base';
import type { Data, NumericTypedArray } from '../base/data.ts';
import type { Steps } from '../base/steps.ts';
import { Tensor } from '../tensors/tensor/tensor.ts';
import { elementBytes, elementTypeOf } from '../tensors/tensor/typed-arrays.ts';
import { sortedKeys } from './sorted-keys.ts';

type Fields = { readonly [key: string]: Data | undefined };
type Binary = Uint8Array | NumericTypedArray | Tensor;

/** The cost of writing a value, in addition to the characters of its text. */
const valueCost = 64;
const binaryCost = 256;

/** The cost after which a piece ends: it takes some milliseconds. The last part written may exceed it. */
const pieceCost = 256 * 1024;

/**
 * Longer texts and binary data are written in parts of this length. It is a multiple of three, so that the base64 of
 * the parts can be joined.
 */
const longLength = 48 * 1024;

/**
 * Returns the canonical JSON text of a value (RFC 8785): keys are sorted by their UTF-16 code units, there is no white
 * space, and numbers are written as in ECMAScript. A value that JSON cannot express becomes an object with one of four
 * marks. A key that begins with `$` gets a second `$`, so that no two values share a text:
 *
 * - bytes and typed arrays: `{"$binary":"<base64>","type":"Float32Array"}`, elements little-endian;
 * - tensors: `{"$tensor":"<base64>","dtype":"float32","shape":[2,3]}`, elements little-endian;
 * - the numbers that JSON lacks: `{"$number":"NaN"}`, `"Infinity"`, `"-Infinity"`, `"-0"`;
 * - bigints: `{"$bigint":"<decimal digits>"}`, with a `-` before the digits of a negative bigint.
 *
 * Undefined properties are left out, as in messages.
 *
 * @param data what a message can hold.
 * @throws TypeError for text that is not well-formed Unicode (RFC 8785 section 3.2.2.2).
 */
export function canonicalJson(data: Data): string {
  const json = new CanonicalJson(data);
  let text = json.nextPiece();
  while (!json.isWhole) text += json.nextPiece();
  return text;
}

/**
 * Writes {@link canonicalJson} in pieces, each in a few milliseconds at most, so that the caller can let other work run
 * between them. Most values have a single piece.
 */
export class CanonicalJson {
  /** The parts that are not finished. Each belongs to the part before it in this list. */
  readonly #open: Part[] = [];
  #text = '';
  #cost = 0;

  constructor(data: Data) {
    this.put(data);
  }

  /** Whether all pieces have been returned. */
  get isWhole(): boolean {
    return this.#open.length === 0;
  }

  /** @throws TypeError for text that is not well-formed Unicode. */
  nextPiece(): string {
    const open = this.#open;
    while (open.length > 0 && this.#cost < pieceCost) {
      if (!open.at(-1)!.writeNext(this)) open.pop();
    }
    const piece = this.#text;
    this.#text = '';
    this.#cost = 0;
    return piece;
  }

  /** Writes some text. Only parts call this. */
  write(text: string, cost = text.length): void {
    this.#text += text;
    this.#cost += cost;
  }

  /** Writes a value immediately, or, if it has parts, before anything else is written. Only parts call this. */
  put(data: Data): void {
    this.#cost += valueCost;
    if (typeof data === 'string' && data.length > longLength) this.#open.push(new LongText(data));
    else if (typeof data !== 'object' || data === null) this.write(scalarText(data));
    else if (Array.isArray(data)) this.#open.push(new List(data));
    else if (ArrayBuffer.isView(data) || data instanceof Tensor)
      this.#open.push(new BinaryData(data as Binary));
    else this.#open.push(new DataObject(data as Fields));
  }
}

/** A value that is written in several steps. */
interface Part {
  /** Writes the next part of the text, or puts the next inner value. Returns false if the value is now complete. */
  writeNext(json: CanonicalJson): boolean;
}

class List implements Part {
  readonly #items: readonly Data[];
  #next = 0;

  constructor(items: readonly Data[]) {
    this.#items = items;
  }

  writeNext(json: CanonicalJson): boolean {
    const index = this.#next++;
    if (index === this.#items.length) {
      json.write(index === 0 ? '[]' : ']');
      return false;
    }
    json.write(index === 0 ? '[' : ',');
    json.put(this.#items[index]!);
    return true;
  }
}

class DataObject implements Part {
  readonly #fields: Fields;
  readonly #sorting: Steps<string[]>;
  #keys: readonly string[] | undefined;
  #next = 0;
  #isEmpty = true;
  /** The value of the key that was written last, until it is written too. */
  #value: Data | undefined;

  constructor(fields: Fields) {
    this.#fields = fields;
    this.#sorting = sortedKeys(Object.keys(fields));
  }

  writeNext(json: CanonicalJson): boolean {
    if (this.#keys === undefined) this.#sort(json);
    else if (this.#value !== undefined) this.#writeValue(json, this.#value);
    else if (this.#next < this.#keys.length) this.#writeKey(json, this.#keys[this.#next++]!);
    else {
      json.write(this.#isEmpty ? '{}' : '}');
      return false;
    }
    return true;
  }

  #sort(json: CanonicalJson): void {
    const { done, value } = this.#sorting.next();
    if (done) this.#keys = value;
    else json.write('', pieceCost);
  }

  #writeKey(json: CanonicalJson, key: string): void {
    const value = this.#fields[key];
    if (value === undefined) return;
    json.write(this.#isEmpty ? '{' : ',');
    this.#isEmpty = false;
    this.#value = value;
    json.put(key.startsWith('$') ? `$${key}` : key);
  }

  #writeValue(json: CanonicalJson, value: Data): void {
    this.#value = undefined;
    json.write(':');
    json.put(value);
  }
}

class LongText implements Part {
  readonly #text: string;
  #next = 0;

  constructor(text: string) {
    this.#text = text;
  }

  writeNext(json: CanonicalJson): boolean {
    const start = this.#next;
    const end = start + longLength;
    // A surrogate pair is not split.
    const isCut = isHighSurrogate(this.#text.charCodeAt(end - 1));
    this.#next = isCut ? end + 1 : end;
    if (start === 0) json.write('"');
    json.write(quoted(this.#text.slice(start, this.#next)).slice(1, -1));
    const isMore = this.#next < this.#text.length;
    if (!isMore) json.write('"');
    return isMore;
  }
}

class BinaryData implements Part {
  readonly #bytes: Uint8Array;
  readonly #mark: string;
  readonly #end: string;
  #next = 0;

  constructor(value: Binary) {
    const isTensor = value instanceof Tensor;
    const type = elementTypeOf(value);
    this.#mark = isTensor ? '$tensor' : '$binary';
    this.#bytes = isTensor
      ? value.data
      : type === undefined
        ? (value as Uint8Array)
        : elementBytes(value as NumericTypedArray, type);
    this.#end = isTensor
      ? `","dtype":"${value.dtype}","shape":[${value.shape}]}`
      : `","type":"${type?.className ?? 'Uint8Array'}"}`;
  }

  writeNext(json: CanonicalJson): boolean {
    if (this.#next === 0) json.write(`{"${this.#mark}":"`, binaryCost);
    const piece = this.#bytes.subarray(this.#next, this.#next + longLength);
    this.#next += longLength;
    json.write(base64Text(piece), piece.length);
    const isMore = this.#next < this.#bytes.length;
    if (!isMore) json.write(this.#end);
    return isMore;
  }
}

/** Uses `Buffer` if there is one, because it is about a hundred times faster. */
function base64Text(bytes: Uint8Array): string {
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

function isHighSurrogate(codeUnit: number): boolean {
  return codeUnit >= 0xd800 && codeUnit < 0xdc00;
}

function quoted(text: string): string {
  if (text.isWellFormed()) return JSON.stringify(text);
  const at = text.search(/\p{Surrogate}/u);
  const around = JSON.stringify(text.slice(Math.max(0, at - 20), at + 20));
  throw new TypeError(`data contains text with half of a surrogate pair, ${around}, which cannot be signed`);
}
