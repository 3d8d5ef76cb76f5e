import type { Data } from '../../data.ts';
import { PeerloomError } from '../../errors.ts';
import { maxBigIntegerDigits } from '../big-integers.ts';
import { checkData, isPlainJson } from '../check-data.ts';

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
      `${path} is a ${value.constructor.name}, and a Python node takes binary only as a whole message: send it ` +
        'alone, or as a list of numbers',
    );
  }
  if (Array.isArray(value)) {
    return `[${value.map((item, index) => write(item, `${path}[${index}]`)).join(',')}]`;
  }
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${write(item, `${path}.${key}`)}`).join(',')}}`;
}

/** By hand, since JSON.parse rounds whole numbers, and V8's may take an escaped key for another. */
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
    if (this.#next() !== undefined) throw this.#unexpected();
    return value;
  }

  #readValue(): Data {
    switch (this.#next()) {
      case '"':
        return this.#readString();
      case '[':
        return this.#readList(']', () => this.#readValue());
      case '{':
        return Object.fromEntries(this.#readList('}', () => this.#readMember()));
      default:
        return this.#readWord();
    }
  }

  #readList<Item>(end: ']' | '}', readItem: () => Item): Item[] {
    const items: Item[] = [];
    this.#position++;
    if (this.#takes(end)) return items;
    for (;;) {
      items.push(readItem());
      if (this.#takes(end)) return items;
      if (!this.#takes(',')) throw this.#unexpected();
    }
  }

  #readMember(): [string, Data] {
    if (this.#next() !== '"') throw this.#unexpected();
    const key = this.#readString();
    if (!this.#takes(':')) throw this.#unexpected();
    return [key, this.#readValue()];
  }

  /** JSON.parse reads it, which is right for strings that are not keys. */
  #readString(): string {
    const start = this.#position;
    let end = start;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end === -1) throw this.#unexpected();
    } while (isEscaped(this.#text, end));
    this.#position = end + 1;
    return JSON.parse(this.#text.slice(start, end + 1));
  }

  #readWord(): Data {
    word.lastIndex = this.#position;
    const [found] = word.exec(this.#text) ?? [];
    if (found === undefined) throw this.#unexpected();
    this.#position += found.length;
    if (found in names) return names[found as keyof typeof names];
    const number = Number(found);
    return isLongWhole(found) ? this.#readLongWhole(found) : number;
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

  /** The next character that is not white space, which stays to be read. */
  #next(): string | undefined {
    whiteSpace.lastIndex = this.#position;
    whiteSpace.exec(this.#text);
    this.#position = whiteSpace.lastIndex;
    return this.#text[this.#position];
  }

  #takes(character: string): boolean {
    if (this.#next() !== character) return false;
    this.#position++;
    return true;
  }

  #unexpected(): SyntaxError {
    return new SyntaxError(`it is no JSON from character ${this.#position}`);
  }
}

const whiteSpace = /[ \t\n\r]*/y;
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
