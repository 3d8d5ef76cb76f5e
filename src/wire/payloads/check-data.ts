import { byteLengthOf } from '../../tensors/tensor/dtypes.ts';
import { Tensor } from '../../tensors/tensor/tensor.ts';
import { bytesOf, elementTypeOf } from '../../tensors/tensor/typed-arrays.ts';
import { isInBounds, maxBigIntegerDigits } from './big-integers.ts';

/** How deep lists and objects may be nested. The outermost counts as 1. */
export const maxDataDepth = 256;

/**
 * Whether JSON can carry this value without loss. `false` only means that a closer check is needed: the value may hold
 * binary data, a number that JSON lacks, or something that is not data.
 */
export function isPlainJson(value: unknown, levels = maxDataDepth): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (!isPlainJson(value[index], levels - 1)) return false;
    }
    return true;
  }
  if (!isPlainObject(value)) return false;
  // Twice as fast as Object.keys. Inherited keys, which it sees too, can only turn the result to `false`.
  for (const key in value) {
    const item = value[key];
    // Left out, as JSON.stringify does.
    if (item !== undefined && !isPlainJson(item, levels - 1)) return false;
  }
  return true;
}

/**
 * Whether a key holds a character that JSON escapes. V8 may confuse such a key with another (Node 24 and 26 do, see
 * nodejs/node issue 63785), so such data is not sent as JSON.
 */
export function hasEscapedKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasEscapedKey);
  return Object.entries(value).some(([key, item]) => /["\\\p{Cc}\p{Cs}]/u.test(key) || hasEscapedKey(item));
}

/**
 * Checks that a message can hold the data.
 *
 * @throws TypeError that names the path of the first value that no message can hold.
 */
export function checkData(data: unknown): void {
  const offence = findOffence(data, []);
  if (offence !== undefined) {
    throw new TypeError(
      `data${offence}; a message can hold JSON values, bytes, typed arrays, tensors and bigints`,
    );
  }
}

/** The path from `value` to the first invalid value, and a description of it. */
function findOffence(value: unknown, ancestors: object[]): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
      return undefined;
    case 'bigint':
      return isInBounds(value) ? undefined : ` is a bigint of more than ${maxBigIntegerDigits} digits`;
    case 'object':
      break;
    default:
      return value === undefined ? ' is undefined' : ` is a ${typeof value}`;
  }
  if (value === null) return undefined;
  if (isBinary(value)) return undefined;
  if (value instanceof Tensor) return offenceOfTensor(value);
  if (ancestors.includes(value)) return ' is part of a cycle';
  if (ancestors.length === maxDataDepth) {
    throw new TypeError(`data is nested deeper than ${maxDataDepth} levels`);
  }
  ancestors.push(value);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const offence = findOffence(value[index], ancestors);
      if (offence !== undefined) return `[${index}]${offence}`;
    }
  } else if (isPlainObject(value)) {
    for (const key of Object.keys(value)) {
      const item = value[key];
      if (item === undefined) continue;
      const offence = findOffence(item, ancestors);
      if (offence !== undefined) return `${step(key)}${offence}`;
    }
  } else {
    const name = className(value);
    return name === 'Promise' ? ' is a promise: did you forget await?' : ` is an instance of ${name}`;
  }
  ancestors.pop();
  return undefined;
}

/** Checks a tensor: its memory may have been transferred, and a subclass may return anything. */
function offenceOfTensor({ dtype, shape, data }: Tensor): string | undefined {
  return data.length === byteLengthOf(dtype, shape)
    ? undefined
    : ' is a tensor whose memory was transferred elsewhere';
}

function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    prototype === Object.prototype || prototype === null || isForeignObjectPrototype(prototype as object)
  );
}

/** `Object.prototype` of another realm, as in a Jest test. Only that object has these members and no prototype. */
function isForeignObjectPrototype(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

function isBinary(value: object): boolean {
  return bytesOf(value) !== undefined || elementTypeOf(value) !== undefined;
}

/** A key as it is written in a program. */
function step(key: string): string {
  return /^[\p{L}$_][\p{L}\p{N}$_]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function className(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'a class';
}
