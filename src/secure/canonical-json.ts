import { base64 } from '@scure/base';
import type { Data, NumericTypedArray } from '../base/data.ts';
import type { Steps } from '../base/steps.ts';
import { Tensor } from '../tensors/tensor/tensor.ts';
import { elementBytes, elementTypeOf } from '../tensors/tensor/typed-arrays.ts';
import { sortedKeys } from './sorted-keys.ts';

type Fields = { readonly [key: string]: Data | undefined };
type Binary = Uint8Array | NumericTypedArray | Tensor;

/** What a value costs to write beside its text, counted in characters. */
const valueCost = 64;
const binaryCost = 256;

/** What a piece costs to write, but for the last part of it: some milliseconds. */
const pieceCost = 256 * 1024;

/** Longer text, and longer binary data, is written bit by bit: a multiple of three, so that base64 can be joined. */
const longLength = 48 * 1024;

/**
 * The one JSON text of a value, by RFC 8785: keys sorted by their UTF-16 code units, no white space, numbers as
 * ECMAScript writes them. What JSON has no form for becomes an object with one of four marks, and a key that begins
 * with `$` gets a second one, so that no two values share a text:
 *
 * - bytes and typed arrays: `{"$binary":"<base64>","type":"Float32Array"}`, elements little-endian;
 * - tensors: `{"$tensor":"<base64>","dtype":"float32","shape":[2,3]}`, elements little-endian;
 * - the numbers that JSON lacks: `{"$number":"NaN"}`, `"Infinity"`, `"-Infinity"`, `"-0"`;
 * - bigints: `{"$bigint":"<decimal digits>"}`, with a `-` before those of a negative one.
 *
 * Properties that are undefined are left out, as a message leaves them out.
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
 * {@link canonicalJson} in pieces, each written in some milliseconds at most, so that whoever needs it can let others
 * run in between. Most values have a single piece.
 */
export class CanonicalJson {
  /** Each is a part of the one before it. */
  readonly #open: Part[] = [];
  #text = '';
  #cost = 0;

  constructor(data: Data) {
    this.put(data);
  }

  /** There are no more pieces. */
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

  /** For the parts of it: writes some text. */
  write(text: string, cost = text.length): void {
    this.#text += text;
    this.#cost += cost;
  }

  /** For the parts of it: writes a value, at once or before anything else. */
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

/** What is written bit by bit. */
interface Part {
  /** Writes the next bit of it, or puts what comes next. @returns false: that was the last one, and only text. */
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
  /** What belongs to the key that was written last. */
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
    // Both halves of a character stay together.
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

/** Node's `Buffer` does it some hundred times as fast. */
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
