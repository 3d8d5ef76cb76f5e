import type { Pace } from '../base/computing-pace.ts';
import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import { Tensor } from '../tensors/tensor/tensor.ts';
import { maxBigIntegerDigits } from '../wire/payloads/big-integers.ts';
import { checkData, isPlainJson, maxDataDepth } from '../wire/payloads/check-data.ts';
import { JsonReader, type JsonWords } from '../wire/payloads/json-reader.ts';

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
  return needsCare.test(text) ? readerOf(text, reading).readOn(Number.POSITIVE_INFINITY)! : JSON.parse(text);
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
  const reader = readerOf(text, reading);
  for (;;) {
    const data = reader.readOn(stepCharacters);
    if (data !== undefined) return { data, containers: reader.containers };
    await pause();
  }
}

function readerOf(text: string, { maxContainers, bigIntegers }: JsonReading): JsonReader {
  const limits = { maxDepth: maxDataDepth, maxContainers };
  return new JsonReader(text, limits, bigIntegers ? wordsWithBigIntegers : words);
}

function write(value: Data, path: string): string {
  if (Object.is(value, -0)) return '-0.0';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (ArrayBuffer.isView(value) || value instanceof Tensor) {
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

const word = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN|true|false|null/y;

const words: JsonWords = {
  word,
  read: (found) => (isLongWhole(found) ? refuseLongWhole(checkedLongWhole(found)) : Number(found)),
};

const wordsWithBigIntegers: JsonWords = {
  word,
  read: (found) => (isLongWhole(found) ? BigInt(checkedLongWhole(found)) : Number(found)),
};

function checkedLongWhole(digits: string): string {
  if (digitsIn(digits) <= maxBigIntegerDigits) return digits;
  throw new RangeError(`it holds a whole number of ${digitsIn(digits)} digits`);
}

/** How many digits a whole number has, without its sign. */
export function digitsIn(whole: string): number {
  return whole.startsWith('-') ? whole.length - 1 : whole.length;
}

function refuseLongWhole(digits: string): never {
  const start = digits.length > 40 ? `${digits.slice(0, 40)}…` : digits;
  throw new RangeError(
    `it holds ${start}, which is beyond 2^53: set the option p2pnetwork: { bigIntegers: true }, or send such numbers as text`,
  );
}

/** Whether it is a whole number without a fraction or an exponent that no number of JavaScript holds for sure. */
export function isLongWhole(digits: string): boolean {
  return /^-?\d{16,}$/.test(digits) && !Number.isSafeInteger(Number(digits));
}
