import type { Data } from '../../data.ts';
import { PeerloomError } from '../../errors.ts';
import { checkData, isPlainJson } from '../check-data.ts';

/*
 * JSON as Python's `json` module writes and reads it. Beyond the standard, NaN, Infinity and -Infinity are numbers;
 * whole numbers keep all their digits, and have no sign when they are 0: '-0.0' is what JSON.parse reads in '-0'.
 */

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
export function readJson(text: string): Data {
  return needsCare.test(text) ? new Reader(text).readAll() : JSON.parse(text);
}

function write(value: Data, path: string): string {
  if (Object.is(value, -0)) return '-0.0';
  if (typeof value === 'number') return String(value);
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
  const members = Object.entries(value);
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${write(item, `${path}.${key}`)}`).join(',')}}`;
}

/** By hand, since JSON.parse rounds whole numbers, and V8's may take an escaped key for another. */
class Reader {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
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
    if (/^-?\d+$/.test(found) && !Number.isSafeInteger(number)) {
      throw new RangeError(`it holds ${found}, which is beyond 2^53: send such numbers as text`);
    }
    return number;
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

/** Whether an odd number of backslashes stands before a place. */
function isEscaped(text: string, place: number): boolean {
  let start = place;
  while (text[start - 1] === '\\') start--;
  return (place - start) % 2 === 1;
}
