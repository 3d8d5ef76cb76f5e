import type { Pace } from '../base/computing-pace.ts';
import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import { maxBigIntegerDigits } from '../wire/payloads/big-integers.ts';
import { checkData, isPlainJson, maxDataDepth } from '../wire/payloads/check-data.ts';
import { tooDeep, tooManyContainers } from '../wire/payloads/nesting.ts';

/*
 * JSON as Python's `json` module writes and reads it. Beyond the standard, NaN, Infinity and -Infinity are numbers;
 * whole numbers keep all their digits, and have no sign when they are 0: '-0.0' is what JSON.parse reads in '-0'.
 */

/** How a text is read, and within which limits. */
export interface JsonReading {
  readonly maxContainers: number;
  /** Whole numbers beyond 2^53 become bigints. Otherwise they are refused, since a number would be another one. */
  readonly bigIntegers: boolean;
}

/** In characters: what is longer takes long to read. JSON.parse is many times faster. */
const longByHand = 64 * 1024;
const longForParse = 1024 * 1024;

/** After so many characters it is asked whether to pause. */
const stepCharacters = 8 * 1024;

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
export function readJson(text: string, reading: JsonReading): Data {
  return needsCare.test(text)
    ? new Reader(text, reading).readOn(Number.POSITIVE_INFINITY)!
    : JSON.parse(text);
}

/** Whether reading it takes so long that it should be done in steps. */
export function takesLong(text: string): boolean {
  return text.length > longForParse || (text.length > longByHand && needsCare.test(text));
}

/** The same in steps, between which it may pause. Rejects with what {@link readJson} throws, and when the text holds more than it may. */
export async function readJsonInSteps(
  text: string,
  reading: JsonReading,
  pause: Pace['pause'],
): Promise<{ readonly data: Data; readonly containers: number }> {
  const reader = new Reader(text, reading);
  for (;;) {
    const data = reader.readOn(stepCharacters);
    if (data !== undefined) return { data, containers: reader.containers };
    await pause();
  }
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

/** A list or an object whose end was not read yet, and the key of the member that is read. */
interface Open {
  readonly list?: Data[];
  readonly members?: Record<string, Data>;
  key: string;
}

/**
 * By hand, since JSON.parse rounds whole numbers, and V8's may take an escaped key for another. It looks at codes of
 * characters, not at patterns, which cost more; it is still several times slower than JSON.parse. It can stop after each
 * value, so that a long text is read in steps.
 */
class Reader {
  readonly #text: string;
  readonly #reading: JsonReading;
  #position = 0;
  /** Lists and objects around the value that is next. */
  readonly #around: Open[] = [];
  /** Lists and objects that were read. */
  containers = 0;
  #value: Data | undefined;

  constructor(text: string, reading: JsonReading) {
    this.#text = text;
    this.#reading = reading;
  }

  /** Reads so many characters, or a value more. @returns the whole value when the text has ended. */
  readOn(characters: number): Data | undefined {
    const end = this.#position + characters;
    while (this.#value === undefined && this.#position < end) this.#readNext();
    return this.#value;
  }

  #readNext(): undefined {
    switch (this.#next()) {
      case code.quote:
        return this.#conclude(this.#readString());
      case code.listStart:
        return this.#begin({ list: [], key: '' }, code.listEnd);
      case code.objectStart:
        return this.#begin({ members: {}, key: '' }, code.objectEnd);
      default:
        return this.#conclude(this.#readShortNumber() ?? this.#readWord());
    }
  }

  #begin(open: Open, end: number): undefined {
    const { maxContainers } = this.#reading;
    if (this.#around.length >= maxDataDepth) throw new Error(tooDeep(maxDataDepth));
    if (++this.containers > maxContainers) throw new Error(tooManyContainers(maxContainers));
    this.#position++;
    if (this.#takes(end)) return this.#conclude((open.list ?? open.members)!);
    this.#around.push(open);
    if (open.members !== undefined) open.key = this.#readKey();
  }

  /** Puts a value that was read where it belongs, and so everything that ends with it. */
  #conclude(value: Data): undefined {
    const open = this.#around.at(-1);
    if (open === undefined) {
      if (!Number.isNaN(this.#next())) throw this.#unexpected();
      this.#value = value;
    } else if (open.list !== undefined) {
      open.list.push(value);
      if (this.#takes(code.comma)) return;
      this.#end(open.list, code.listEnd);
    } else {
      const { key } = open;
      const members = open.members!;
      if (key === '__proto__') Object.defineProperty(members, key, { ...asMember, value });
      else members[key] = value;
      if (this.#takes(code.comma)) open.key = this.#readKey();
      else this.#end(members, code.objectEnd);
    }
  }

  #end(container: Data, end: number): undefined {
    if (!this.#takes(end)) throw this.#unexpected();
    this.#around.pop();
    this.#conclude(container);
  }

  #readKey(): string {
    if (this.#next() !== code.quote) throw this.#unexpected();
    const key = this.#readString();
    if (!this.#takes(code.colon)) throw this.#unexpected();
    return key;
  }

  #readString(): string {
    const short = this.#readShortString();
    if (short !== undefined) return short;
    const start = this.#position;
    let end = start + 1;
    for (let next = this.#text.charCodeAt(end); next !== code.quote; next = this.#text.charCodeAt(end)) {
      if (Number.isNaN(next)) throw this.#unexpected();
      end += next === code.backslash ? 2 : 1;
    }
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

  /**
   * A number whose digits a number of JavaScript holds for sure, as most are: the pattern below takes several times as
   * long. Such a number divided by such a power of ten is rounded once, and so correctly.
   */
  #readShortNumber(): number | undefined {
    const text = this.#text;
    const isNegative = text.charCodeAt(this.#position) === code.minus;
    const start = isNegative ? this.#position + 1 : this.#position;
    let value = 0;
    let end = start;
    let point = Number.NaN;
    for (; ; end++) {
      const character = text.charCodeAt(end);
      const digit = character - code.zero;
      if (digit >= 0 && digit <= 9) value = 10 * value + digit;
      else if (character === code.point && Number.isNaN(point) && end > start) point = end;
      else break;
    }
    const isWhole = Number.isNaN(point);
    // A zero may not be followed by digits, and -0 has no sign.
    const isOddZero = text.charCodeAt(start) === code.zero && point !== start + 1;
    const next = text.charCodeAt(end);
    const isMore = next === code.point || next === code.smallE || next === code.largeE;
    if (end === start || end - start > maxSureDigits || point === end - 1 || isOddZero || isMore)
      return undefined;
    this.#position = end;
    const size = isWhole ? value : value / powersOfTen[end - point - 1]!;
    return isNegative ? -size : size;
  }

  #readWord(): Data {
    const start = this.#position;
    word.lastIndex = start;
    if (!word.test(this.#text)) throw this.#unexpected();
    this.#position = word.lastIndex;
    const found = this.#text.slice(start, this.#position);
    const name = names.get(found);
    if (name !== undefined) return name;
    return isLongWhole(found) ? this.#readLongWhole(found) : Number(found);
  }

  #readLongWhole(digits: string): bigint {
    if (digits.length > maxBigIntegerDigits + 1) {
      throw new RangeError(`it holds a whole number of ${digits.length} digits`);
    }
    if (this.#reading.bigIntegers) return BigInt(digits);
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

/** Exact, as numbers up to 10^22 are. */
const powersOfTen = Array.from({ length: maxSureDigits }, (_, power) => Number(`1e${power}`));

const asMember = { configurable: true, enumerable: true, writable: true };

const word = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN|true|false|null/y;
const names = new Map<string, Data>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** Whether it is a whole number without a fraction or an exponent that no number of JavaScript holds for sure. */
export function isLongWhole(digits: string): boolean {
  return /^-?\d{16,}$/.test(digits) && !Number.isSafeInteger(Number(digits));
}
