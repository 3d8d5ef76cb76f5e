import {
  type DecodeOptions,
  type EncodeOptions,
  encode,
  Token,
  Tokenizer,
  Type,
  type TypeEncoder,
} from 'cborg';
import type { Data } from '../../base/data.ts';
import type { Steps } from '../../base/steps.ts';
import { bigIntegerTags, decodeBigInteger, encodeBigInteger } from './big-integers.ts';
import { countCborContainers } from './cbor-containers.ts';
import { type ShapeLimits, tooManyContainers } from './nesting.ts';
import { setMember } from './set-member.ts';
import { decodeText, encodeText } from './text.ts';
import { bytesOf, elementBytes, elementTypeOf, elementTypes, typedArrayOf } from './typed-arrays.ts';

// cborg, not cbor2: typed arrays at several GB/s both ways (cbor2 reads them element by element, 0.25 GB/s),
// and dates and maps stay out. It reads text leniently and nests without a bound: see StrictTokenizer.

/** Up to here it is cheaper to look at each character than to decode text once more. */
const shortTextBytes = 32;

/** CBOR text is UTF-8, so a string with lone surrogates goes as embedded JSON, which escapes them. */
const embeddedJsonTag = 262;

const encodeTypedArray: TypeEncoder = (value) => {
  const type = elementTypeOf(value);
  return type === undefined ? null : tagged(type.tag, elementBytes(value, type));
};

/** cborg takes it for an object without a class: a Float16Array, and bytes of another realm. */
const encodeUnknown: TypeEncoder = (value, ...rest) => {
  const bytes = ArrayBuffer.isView(value) ? bytesOf(value) : undefined;
  return bytes === undefined ? encodeTypedArray(value, ...rest) : new Token(Type.bytes, bytes);
};

const encodeOptions: EncodeOptions = {
  mapSorter: () => 0, // keys stay in their order, as in JSON
  ignoreUndefinedProperties: true,
  typeEncoders: {
    ...Object.fromEntries(elementTypes.map((type) => [type.className, encodeTypedArray])),
    Object: encodeUnknown,
    number: (value) => (Object.is(value, -0) ? new Token(Type.float, value) : null),
    bigint: (value) => {
      const { tag, bytes } = encodeBigInteger(value);
      return tagged(tag, bytes);
    },
    string: (value) =>
      value.isWellFormed() ? null : tagged(embeddedJsonTag, encodeText(JSON.stringify(value))),
  },
};

const decodeOptions: DecodeOptions = { allowIndefinite: false, allowUndefined: false, allowBigInt: false };

/** What is made of the bytes behind a tag. */
const tagDecoders: Readonly<Record<number, (bytes: Uint8Array) => Data>> = {
  ...Object.fromEntries(
    elementTypes.map((type) => [type.tag, (bytes: Uint8Array) => typedArrayOf(bytes, type)]),
  ),
  // Always a bigint, however small: that is what it was when it was sent.
  ...Object.fromEntries(
    Object.values(bigIntegerTags).map((tag) => [tag, (bytes: Uint8Array) => decodeBigInteger(tag, bytes)]),
  ),
  [embeddedJsonTag]: (bytes) => {
    const json = decodeText(bytes);
    // Looked at before it is parsed: a list could unfold to much.
    if (!/^[ \t\n\r]*"/.test(json)) throw new Error('embedded JSON that is not a string');
    return JSON.parse(json);
  },
};

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}

function tagged(tag: number, bytes: Uint8Array): Token[] {
  return [new Token(Type.tag, tag), new Token(Type.bytes, bytes)];
}

/** Holds what cborg reads to valid UTF-8, to a depth, and to tags on byte strings only. */
class StrictTokenizer extends Tokenizer {
  readonly #maxDepth: number;
  /** For each list and object that is being read, how many items of it are still to come. */
  readonly #open: number[] = [];
  #tagged = false;

  constructor(body: Uint8Array, maxDepth: number) {
    super(body, decodeOptions);
    this.#maxDepth = maxDepth;
  }

  override next(): Token {
    const start = this.pos();
    const token = super.next();
    if (this.#tagged && token.type !== Type.bytes) throw new Error('a tag on a value that is not bytes');
    this.#tagged = token.type === Type.tag;
    if (!this.#tagged) this.#count(token);
    if (token.type === Type.string) token.value = this.#textFrom(start, token.value);
    return token;
  }

  #count(token: Token): void {
    const open = this.#open;
    while (open.at(-1) === 0) open.pop();
    if (open.length > 0) open[open.length - 1]! -= 1;
    if (token.type === Type.array) open.push(token.value);
    else if (token.type === Type.map) open.push(2 * token.value);
    if (open.length > this.#maxDepth) throw new Error(`nested deeper than ${this.#maxDepth} levels`);
  }

  /** Reads the string again, unless it is short and plain, whose head is at `start` (RFC 8949 section 3: one byte, then 0, 1, 2, 4 or 8 of length). */
  #textFrom(start: number, lenient: string): string {
    const additional = this.data[start]! & 0x1f;
    const head = additional < 24 ? 1 : 1 + 2 ** (additional - 24);
    const from = start + head;
    const length = this.pos() - from;
    if (length <= shortTextBytes && length === lenient.length && isAscii(lenient)) return lenient;
    return decodeText(this.data.subarray(from, this.pos()));
  }
}

/** CBOR (RFC 8949) of data that has passed the check; typed arrays by RFC 8746. */
export function encodeCbor(data: Data): Uint8Array {
  return encode(data, encodeOptions);
}

/** @throws Error for bytes that are not the CBOR of one value of {@link Data}, or that pass the limits. */
export function decodeCbor(body: Uint8Array, limits: ShapeLimits): Data {
  return readerOf(body, limits).readOn(Number.POSITIVE_INFINITY)!;
}

/** After so many values, keys among them, a step ends. */
const valuesAStep = 512;

/** {@link decodeCbor} in steps. */
export function* cborSteps(body: Uint8Array, limits: ShapeLimits): Steps<Data> {
  const reader = readerOf(body, limits);
  for (;;) {
    const data = reader.readOn(valuesAStep);
    if (data !== undefined) return data;
    yield;
  }
}

function readerOf(body: Uint8Array, { maxDepth, maxContainers }: ShapeLimits): CborReader {
  // Each takes a byte at least. They are counted before anything is made of them.
  if (body.length > maxContainers && countCborContainers(body, maxContainers) > maxContainers) {
    throw new Error(tooManyContainers(maxContainers));
  }
  return new CborReader(body, maxDepth);
}

/** A list or an object of which something is still to come. */
interface Open {
  readonly list?: Data[];
  readonly members?: Record<string, Data>;
  /** Values that are still to come. */
  left: number;
  /** Of the member whose value is next. */
  key?: string | undefined;
}

/** Makes data of what the tokenizer reads, and can stop after each value. */
class CborReader {
  readonly #tokenizer: StrictTokenizer;
  /** Lists and objects around the value that is next. */
  readonly #around: Open[] = [];
  #value: Data | undefined;

  constructor(body: Uint8Array, maxDepth: number) {
    this.#tokenizer = new StrictTokenizer(body, maxDepth);
  }

  /** Reads so many values. @returns the whole value when it has ended. */
  readOn(values: number): Data | undefined {
    for (let read = 0; this.#value === undefined && read < values; read++) this.#readNext();
    return this.#value;
  }

  #readNext(): void {
    const { type, value } = this.#nextToken();
    if (type === Type.array) this.#begin({ list: [], left: value });
    else if (type === Type.map) this.#begin({ members: {}, left: value });
    else if (type === Type.tag) this.#conclude(this.#tagged(value));
    else if (type === Type.break) throw new Error('a break without a beginning');
    else this.#conclude(value);
  }

  #nextToken(): Token {
    if (this.#tokenizer.done()) throw new Error('it ends early');
    return this.#tokenizer.next();
  }

  #begin(open: Open): void {
    if (open.left === 0) this.#conclude((open.list ?? open.members)!);
    else this.#around.push(open);
  }

  #tagged(tag: number): Data {
    const decode = tagDecoders[tag];
    if (decode === undefined) throw new Error(`the tag ${tag} is not known`);
    return decode(this.#nextToken().value);
  }

  /** Puts a value that was read where it belongs, and so everything that ends with it. */
  #conclude(value: Data): void {
    const open = this.#around.at(-1);
    if (open === undefined) {
      if (!this.#tokenizer.done()) throw new Error('it holds more than one value');
      this.#value = value;
      return;
    }
    if (open.members !== undefined && open.key === undefined) {
      open.key = keyOf(value, open.members);
      return;
    }
    if (open.list !== undefined) open.list.push(value);
    else setMember(open.members!, open.key!, value);
    open.key = undefined;
    open.left -= 1;
    if (open.left > 0) return;
    this.#around.pop();
    this.#conclude((open.list ?? open.members)!);
  }
}

function keyOf(value: Data, members: Record<string, Data>): string {
  if (typeof value !== 'string') throw new Error(`a key that is a ${typeof value}`);
  if (Object.hasOwn(members, value)) throw new Error(`the key ${JSON.stringify(value)} twice`);
  return value;
}
