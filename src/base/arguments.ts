import { didYouMean } from './nearest-name.ts';
import { printable } from './printable.ts';

/** An error shows this many characters of a text. */
const maxShownCharacters = 100;

/** A value for the message of an error: short values as in a program, others by their kind. */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    const start = printable(value.slice(0, maxShownCharacters));
    return value.length > maxShownCharacters ? `'${start}…'` : `'${start}'`;
  }
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    if (Array.isArray(value)) return 'a list';
    const name: unknown = value.constructor?.name;
    const isNamed = typeof name === 'string' && name !== '' && name !== 'Object';
    return isNamed ? `an instance of ${printable(name.slice(0, maxShownCharacters))}` : 'an object';
  } catch {
    // A getter threw, or it is a revoked Proxy.
    return 'an object that throws when it is looked at';
  }
}

/** The message of a thrown value. Users and libraries throw anything, even `null` and objects whose getters throw. */
export function messageOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  try {
    const message: unknown = (thrown as Error | null | undefined)?.message;
    if (typeof message === 'string') return message;
  } catch {
    // The value is then described by its kind.
  }
  return shown(thrown);
}

/** Turns a thrown value into an Error. An Error is returned unchanged. */
export function errorOf(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) return thrown;
  } catch {
    // A revoked Proxy.
  }
  return new Error(messageOf(thrown), { cause: thrown });
}

/** @throws TypeError with the argument's name, the rule and the value. */
export function checkType<Value>(name: string, value: Value, type: string): Value {
  const isOfType = typeof value === type && value !== null && !(type === 'object' && Array.isArray(value));
  if (isOfType) return value;
  throw new TypeError(`${name} must be ${type === 'object' ? 'an' : 'a'} ${type}, not ${shown(value)}`);
}

/** @throws TypeError or RangeError for anything but a whole number of at least `minimum`. */
export function checkWhole(name: string, value: number, minimum: number): number {
  checkType(name, value, 'number');
  if (!Number.isSafeInteger(value) || value < minimum) {
    throw new RangeError(`${name} must be a whole number of at least ${minimum}, not ${value}`);
  }
  return value;
}

/** @throws TypeError or RangeError with the rule and the value. */
export function checkWholeWithin(
  name: string,
  value: number,
  [least, most]: readonly [least: number, most: number],
): number {
  checkType(name, value, 'number');
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
}

/**
 * Refuses text with half of a surrogate pair. UTF-8 cannot write such halves: all of them become the same character, so
 * different keys, names and ids would be the same.
 *
 * @throws TypeError with the argument's name, but not the text, which may be a secret.
 */
export function checkWellFormed(name: string, text: string): string {
  if (text.isWellFormed()) return text;
  throw new TypeError(`${name} must be well-formed Unicode; it holds half of a surrogate pair`);
}

/**
 * Refuses options that are not an object, and unknown names among them, such as misspelt ones.
 *
 * @param owner the option that these options belong to; left out for the options of a function.
 * @throws TypeError with the unknown name and the known ones.
 */
export function checkOptions(given: object, known: readonly string[], owner?: string): void {
  checkType(owner ?? 'options', given, 'object');
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const path = owner === undefined ? name : `${owner}.${name}`;
    const hint = didYouMean(name, known) || '.';
    throw new TypeError(`${path} is not an option${hint} The options are ${known.join(', ')}`);
  }
}

/** The options without those that are `undefined`, which mean the default. */
export function definedOf<Options extends object>(
  options: Options,
): { [Name in keyof Options]-?: Exclude<Options[Name], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Options]-?: Exclude<Options[Name], undefined> };
}

/** @throws TypeError or RangeError for a value that is not a timeout. */
export function checkTimeout(timeoutMs: unknown): asserts timeoutMs is number {
  checkType('timeoutMs', timeoutMs, 'number');
  if (!((timeoutMs as number) > 0)) throw new RangeError(`timeoutMs must be above 0, not ${timeoutMs}`);
}

/** @throws TypeError for a value that is neither an AbortSignal nor `undefined`. */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal || isForeignSignal(signal)) return;
  throw new TypeError(`signal must be an AbortSignal, not ${shown(signal)}`);
}

/** An AbortSignal of another realm, such as that of a test in jsdom. */
function isForeignSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || Object.prototype.toString.call(value) !== '[object AbortSignal]')
    return false;
  const { aborted, addEventListener, removeEventListener } = value as AbortSignal;
  return (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
  );
}

export function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}
