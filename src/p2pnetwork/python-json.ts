import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import { maxBigIntegerDigits } from '../wire/payloads/big-integers.ts';
import { checkData, isPlainJson } from '../wire/payloads/check-data.ts';

/*
 * JSON as Python's `json` module writes and reads it. Beyond the standard, NaN, Infinity and -Infinity are numbers;
 * whole numbers keep all their digits, and have no sign when they are 0: '-0.0' is what JSON.parse reads in '-0'.
 */

/** How a text is read. */
export interface JsonReading {
  /** Whole numbers beyond 2^53 become bigints. Otherwise they are refused, since a number would be another one. */
  readonly bigIntegers: boolean;
}

/** What JSON.parse may read otherwise: the names of numbers, long digits, and keys with escapes. */
const needsCare = /NaN|Infinity|\d{16}|\\/;

/**
 * Writes data for Python, which gets equal values back.
 *
 * @throws TypeError for what is not {@link Data}, PeerloomError `ERR_NOT_REPRESENTABLE` for binary inside it.
 */
export function writeJson(data: Data): string {
  if (isPlainJson(data)) return JSON.stringify(data);
  checkData(data);
  return write(data, 'data');
}

/**
 * Reads what Python's `json.loads` reads.
 *
 * @throws SyntaxError when it is no JSON, RangeError when it holds a whole number that this side cannot.
 */
export function readJson(text: string, { bigIntegers }: JsonReading): Data {
  return needsCare.test(text) ? new Reader(text, bigIntegers).readAll() : JSON.parse(text);
}

function write(value: Data, path: string): string {
  if (Object.is(value, -0)) return '-0.0';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (ArrayBuffer.isView(value)) {
    throw new PeerloomError(
      'ERR_NOT_REPRESENTABLE',
      `${path} is a ${value.constructor.name}, but a Python node receives binary data only as a whole message: ` +
        'send it separately, or as a list of numbers',
    );
  }
  if (Array.isArray(value)) {
    return `[${value.map((item, index) => write(item, `${path}[${index}]`)).join(',')}]`;
  }
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${write(item, `${path}.${key}`)}`).join(',')}}`;
}

/**
 * By hand, since JSON.parse rounds whole numbers, and V8's may take an escaped key for another. It looks at codes of
 * characters, not at patterns, which cost more; it is still several times slower than JSON.parse.
 */
class Reader {
  readonly #text: string;
  readonly #bigIntegers: boolean;
  #position = 0;

  constructor(text: string, bigIntegers: boolean) {
    this.#text = text;
    this.#bigIntegers = bigIntegers;
  }

  readAll(): Data {
    const value = this.#readValue();
    if (!Number.isNaN(this.#next())) throw this.#unexpected();
    return value;
  }

  #readValue(): Data {
    switch (this.#next()) {
      case code.quote:
        return this.#readString();
      case code.listStart:
        return this.#readList();
      case code.objectStart:
        return this.#readObject();
      default:
        return this.#readShortWhole() ?? this.#readWord();
    }
  }

  #readList(): Data[] {
    const items: Data[] = [];
    this.#position++;
    if (this.#takes(code.listEnd)) return items;
    for (;;) {
      items.push(this.#readValue());
      if (this.#takes(code.listEnd)) return items;
      if (!this.#takes(code.comma)) throw this.#unexpected();
    }
  }

  #readObject(): Data {
    const members: Record<string, Data> = {};
    this.#position++;
    if (this.#takes(code.objectEnd)) return members;
    for (;;) {
      if (this.#next() !== code.quote) throw this.#unexpected();
      const key = this.#readString();
      if (!this.#takes(code.colon)) throw this.#unexpected();
      const value = this.#readValue();
      if (key === '__proto__') Object.defineProperty(members, key, { ...asMember, value });
      else members[key] = value;
      if (this.#takes(code.objectEnd)) return members;
      if (!this.#takes(code.comma)) throw this.#unexpected();
    }
  }

  #readString(): string {
    const short = this.#readShortString();
    if (short !== undefined) return short;
    const start = this.#position;
    let end = start;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end === -1) throw this.#unexpected();
    } while (isEscaped(this.#text, end));
    this.#position = end + 1;
    // JSON.parse is right for strings that are not keys, and its strings do not keep the whole text in memory.
    return JSON.parse(this.#text.slice(start, end + 1));
  }

  /** A string that a slice copies, without escapes. */
  #readShortString(): string | undefined {
    const text = this.#text;
    const start = this.#position + 1;
    for (let end = start; end <= start + maxCopiedCharacters; end++) {
      const character = text.charCodeAt(end);
      if (character === code.quote) {
        this.#position = end + 1;
        return text.slice(start, end);
      }
      if (character === code.backslash || !(character >= code.space)) return undefined;
    }
    return undefined;
  }

  /** Digits that a number holds for sure, which most words are: the pattern below takes several times as long. */
  #readShortWhole(): number | undefined {
    const text = this.#text;
    const isNegative = text.charCodeAt(this.#position) === code.minus;
    const start = isNegative ? this.#position + 1 : this.#position;
    // A zero may not be followed by digits, and -0 has no sign.
    if (text.charCodeAt(start) === code.zero) return undefined;
    let value = 0;
    let end = start;
    for (; ; end++) {
      const digit = text.charCodeAt(end) - code.zero;
      if (!(digit >= 0 && digit <= 9)) break;
      value = 10 * value + digit;
    }
    const next = text.charCodeAt(end);
    const isMore = next === code.point || next === code.smallE || next === code.largeE;
    if (end === start || end - start > maxSureDigits || isMore) return undefined;
    this.#position = end;
    return isNegative ? -value : value;
  }

  #readWord(): Data {
    const start = this.#position;
    word.lastIndex = start;
    if (!word.test(this.#text)) throw this.#unexpected();
    this.#position = word.lastIndex;
    const found = this.#text.slice(start, this.#position);
    if (found in names) return names[found as keyof typeof names];
    return isLongWhole(found) ? this.#readLongWhole(found) : Number(found);
  }

  #readLongWhole(digits: string): bigint {
    if (digits.length > maxBigIntegerDigits + 1) {
      throw new RangeError(`it holds a whole number of ${digits.length} digits`);
    }
    if (this.#bigIntegers) return BigInt(digits);
    const start = digits.length > 40 ? `${digits.slice(0, 40)}…` : digits;
    throw new RangeError(
      `it holds ${start}, which is beyond 2^53: set the option p2pnetwork: { bigIntegers: true }, or send such numbers as text`,
    );
  }

  /** The code of the next character that is not white space, which stays to be read; NaN at the end. */
  #next(): number {
    let next = this.#text.charCodeAt(this.#position);
    while (
      next === code.space ||
      next === code.lineFeed ||
      next === code.carriageReturn ||
      next === code.tab
    ) {
      next = this.#text.charCodeAt(++this.#position);
    }
    return next;
  }

  #takes(character: number): boolean {
    if (this.#next() !== character) return false;
    this.#position++;
    return true;
  }

  #unexpected(): SyntaxError {
    return new SyntaxError(`it is not JSON from character ${this.#position} on`);
  }
}

/** The characters that JSON is made of. */
const code = {
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  point: 0x2e,
  zero: 0x30,
  colon: 0x3a,
  largeE: 0x45,
  listStart: 0x5b,
  backslash: 0x5c,
  listEnd: 0x5d,
  smallE: 0x65,
  objectStart: 0x7b,
  objectEnd: 0x7d,
} as const;

/** V8 copies slices of so many characters; longer ones keep the text that they are of. */
const maxCopiedCharacters = 12;

/** Whole numbers of more digits may be beyond 2^53. */
const maxSureDigits = 15;

const asMember = { configurable: true, enumerable: true, writable: true };

const word = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN|true|false|null/y;
const names = { true: true, false: false, null: null };

/** Whether it is a whole number without a fraction or an exponent that no number of JavaScript holds for sure. */
export function isLongWhole(digits: string): boolean {
  return /^-?\d{16,}$/.test(digits) && !Number.isSafeInteger(Number(digits));
}

/** Whether an odd number of backslashes stands before a place. */
function isEscaped(text: string, place: number): boolean {
  let start = place;
  while (text[start - 1] === '\\') start--;
  return (place - start) % 2 === 1;
}
