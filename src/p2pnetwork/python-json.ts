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

/** How JSON is read, and its limits. */
export interface JsonReading {
  readonly maxContainers: number;
  /** Whether whole numbers beyond 2^53 become bigints. Otherwise they are refused, since a number would differ. */
  readonly bigIntegers: boolean;
}

/** A text with more characters takes long to read. JSON.parse is many times faster. */
const longByHand = 64 * 1024;
const longForParse = 1024 * 1024;

/** How many characters one step reads. */
const stepCharacters = 8 * 1024;

/** Matches what JSON.parse may read differently: NaN and Infinity, long numbers, and keys with escapes. */
const needsCare = /NaN|Infinity|\d{16}|\\/;

/**
 * Writes data as JSON, from which Python reads equal values.
 *
 * @throws TypeError for anything but {@link Data}, PeerloomError `ERR_NOT_REPRESENTABLE` for binary data inside it.
 */
export function writeJson(data: Data): string {
  if (isPlainJson(data)) return JSON.stringify(data);
  checkData(data);
  return write(data, 'data');
}

/**
 * Reads JSON as Python's `json.loads` does.
 *
 * @throws SyntaxError if the text is not JSON, RangeError if it holds a whole number that this side cannot represent.
 */
export function readJson(text: string, reading: JsonReading): Data {
  return needsCare.test(text) ? readerOf(text, reading).readOn(Number.POSITIVE_INFINITY)! : JSON.parse(text);
}

/** Whether reading it takes so long that it should be done in steps. */
export function takesLong(text: string): boolean {
  return text.length > longForParse || (text.length > longByHand && needsCare.test(text));
}

/**
 * The same in steps, between which it may pause. Rejects with the errors of {@link readJson}, and if the text exceeds
 * the limits.
 */
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

/**
 * Whether the digits are a whole number, without fraction and exponent, that a JavaScript number may not hold exactly.
 */
export function isLongWhole(digits: string): boolean {
  return /^-?\d{16,}$/.test(digits) && !Number.isSafeInteger(Number(digits));
}
