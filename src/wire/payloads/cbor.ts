import {
  type DecodeOptions,
  decode,
  type EncodeOptions,
  encode,
  type TagDecoder,
  Token,
  Tokenizer,
  Type,
  type TypeEncoder,
} from 'cborg';
import type { Data } from '../../base/data.ts';
import { bigIntegerTags, decodeBigInteger, encodeBigInteger } from './big-integers.ts';
import { countCborContainers } from './cbor-containers.ts';
import { type ShapeLimits, tooManyContainers } from './nesting.ts';
import { decodeText, encodeText } from './text.ts';
import {
  bytesOf,
  type ElementType,
  elementBytes,
  elementTypeOf,
  elementTypes,
  typedArrayOf,
} from './typed-arrays.ts';

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

const decodeOptions: DecodeOptions = {
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
  tags: {
    ...Object.fromEntries(elementTypes.map((type) => [type.tag, typedArrayDecoder(type)])),
    ...Object.fromEntries(Object.values(bigIntegerTags).map((tag) => [tag, bigIntegerDecoder(tag)])),
    [embeddedJsonTag]: (content) => {
      const json = decodeText(content() as Uint8Array);
      // Looked at before it is parsed: a list could unfold to much.
      if (!/^[ \t\n\r]*"/.test(json)) throw new Error('embedded JSON that is not a string');
      return JSON.parse(json);
    },
  },
};

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}

function tagged(tag: number, bytes: Uint8Array): Token[] {
  return [new Token(Type.tag, tag), new Token(Type.bytes, bytes)];
}

function typedArrayDecoder(type: ElementType): TagDecoder {
  return (content) => typedArrayOf(content() as Uint8Array, type);
}

/** Always a bigint, however small: that is what it was when it was sent. */
function bigIntegerDecoder(tag: number): TagDecoder {
  return (content) => decodeBigInteger(tag, content() as Uint8Array);
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
export function decodeCbor(body: Uint8Array, { maxDepth, maxContainers }: ShapeLimits): Data {
  // Each takes a byte at least.
  if (body.length > maxContainers && countCborContainers(body, maxContainers) > maxContainers) {
    throw new Error(tooManyContainers(maxContainers));
  }
  const read = (options: DecodeOptions): unknown =>
    decode(body, { ...options, tokenizer: new StrictTokenizer(body, maxDepth) });
  try {
    return read(decodeOptions) as Data;
  } catch (error) {
    // Where Object.prototype is frozen, no assignment makes a key of one of its names, such as `constructor`.
    if (!(error instanceof TypeError && Object.isFrozen(Object.prototype))) throw error;
    return withObjects(read({ ...decodeOptions, useMaps: true }));
  }
}

/** Makes the objects that cborg has read as maps. */
function withObjects(value: unknown): Data {
  if (Array.isArray(value)) return value.map(withObjects);
  if (!(value instanceof Map)) return value as Data;
  const entries = Array.from(value as Map<unknown, unknown>, ([key, item]): [string, Data] => {
    if (typeof key !== 'string') throw new Error(`a key that is a ${typeof key}`);
    return [key, withObjects(item)];
  });
  return Object.fromEntries(entries);
}
