import type { Data } from '../../base/data.ts';
import type { Steps } from '../../base/steps.ts';
import { type ShapeLimits, tooDeep, tooManyContainers } from './nesting.ts';
import { setMember } from './set-member.ts';

/** Numbers and names, which a dialect of JSON may have more of. */
export interface JsonWords {
  /** Sticky. */
  readonly word: RegExp;
  /** The value of a word that is not `true`, `false` or `null`. */
  readonly read: (word: string) => Data;
}

/** A list or an object whose end was not read yet, and the key of the member that is read. */
interface Open {
  readonly list?: Data[];
  readonly members?: Record<string, Data>;
  key: string;
}

/**
 * Reads JSON, and can stop after each value, so that a long text is read in steps. What it reads is what JSON.parse reads,
 * but V8's may take an escaped key for another. It looks at codes of characters, not at patterns, which cost more; it is
 * still several times slower than JSON.parse.
 */
export class JsonReader {
  readonly #text: string;
  readonly #limits: ShapeLimits;
  readonly #words: JsonWords;
  #position = 0;
  /** Lists and objects around the value that is next. */
  readonly #around: Open[] = [];
  /** Lists and objects that were read. */
  containers = 0;
  #value: Data | undefined;

  constructor(text: string, limits: ShapeLimits, words = jsonWords) {
    this.#text = text;
    this.#limits = limits;
    this.#words = words;
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
    const { maxDepth, maxContainers } = this.#limits;
    if (this.#around.length >= maxDepth) throw new Error(tooDeep(maxDepth));
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
      setMember(members, key, value);
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
    const { word, read } = this.#words;
    word.lastIndex = this.#position;
    if (!word.test(this.#text)) throw this.#unexpected();
    const found = this.#text.slice(this.#position, word.lastIndex);
    this.#position = word.lastIndex;
    const name = names.get(found);
    return name === undefined ? read(found) : name;
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

const names = new Map<string, Data>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

/** The words of JSON beside text. */
export const jsonWords: JsonWords = {
  word: /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y,
  read: Number,
};

/** In characters. After so many of them a step ends. */
const stepCharacters = 8 * 1024;

/**
 * Reads JSON in steps.
 *
 * @throws Error for what is not JSON, or passes the limits.
 */
export function* jsonSteps(text: string, limits: ShapeLimits): Steps<Data> {
  const reader = new JsonReader(text, limits);
  for (;;) {
    const data = reader.readOn(stepCharacters);
    if (data !== undefined) return data;
    yield;
  }
}
