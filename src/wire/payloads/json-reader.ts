import type { Data } from '../../base/data.ts';
import type { Steps } from '../../base/steps.ts';
import { type ShapeLimits, tooDeep, tooManyContainers } from './nesting.ts';
import { setMember } from './set-member.ts';

/** Numbers and names, of which a dialect of JSON may have more. */
export interface JsonWords {
  /** A sticky pattern. */
  readonly word: RegExp;
  /** Returns the value of a word other than `true`, `false` and `null`. */
  readonly read: (word: string) => Data;
}

/** An incomplete list or object, and the key of the member that is being read. */
interface Open {
  readonly list?: Data[];
  readonly members?: Record<string, Data>;
  key: string;
}

/**
 * Reads JSON, and can pause after each value, so that a long text is read in steps. It accepts what JSON.parse accepts,
 * and reads escaped keys correctly where V8's parser may not. It compares character codes, which is faster than
 * patterns, but it is still several times slower than JSON.parse.
 */
export class JsonReader {
  readonly #text: string;
  readonly #limits: ShapeLimits;
  readonly #words: JsonWords;
  #position = 0;
  /** The lists and objects that enclose the next value. */
  readonly #around: Open[] = [];
  /** How many lists and objects were read. */
  containers = 0;
  #value: Data | undefined;

  constructor(text: string, limits: ShapeLimits, words = jsonWords) {
    this.#text = text;
    this.#limits = limits;
    this.#words = words;
  }

  /** Reads about this many characters, up to the end of a value. @returns the whole value at the end of the text. */
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

  /** Adds a value to the list or object that encloses it, and likewise everything that this completes. */
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
    // JSON.parse reads strings that are not keys correctly, and its strings do not keep the whole text in memory.
    return JSON.parse(this.#text.slice(start, end + 1));
  }

  /** Reads a short string without escapes, which V8's slice copies. */
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
   * Reads a number with so few digits that a JavaScript number holds them exactly, as most do. The pattern below takes
   * several times as long. The digits divided by a power of ten are rounded once, and so correctly.
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

  /** The code of the next character that is not white space, without consuming it. NaN at the end. */
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

/** Codes of the characters with a meaning in JSON. */
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

/** V8 copies slices of up to this length. Longer slices keep the whole text in memory. */
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

/** How many characters one step reads. */
const stepCharacters = 8 * 1024;

/**
 * Reads JSON in steps.
 *
 * @throws Error if the text is not JSON or exceeds the limits.
 */
export function* jsonSteps(text: string, limits: ShapeLimits): Steps<Data> {
  const reader = new JsonReader(text, limits);
  for (;;) {
    const data = reader.readOn(stepCharacters);
    if (data !== undefined) return data;
    yield;
  }
}
