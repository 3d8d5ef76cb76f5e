import { NodeConnection } from '../../api/node-connection.ts';
import type { Data } from '../../base/data.ts';
import { Tensor } from '../../tensors/tensor/tensor.ts';
import { decodeCbor, encodeCbor } from '../../wire/payloads/cbor.ts';
import { maxDataDepth } from '../../wire/payloads/check-data.ts';

/** The JSON form of an argument of a call. */
export type Written =
  | null
  | boolean
  | number
  | string
  | readonly Written[]
  | { readonly [key: string]: Written };

/** The numbers of a node's connections. */
export interface ConnectionNumbers {
  numberOf(connection: NodeConnection): number | undefined;
  connectionOf(number: number): NodeConnection | undefined;
}

const maxDepth = 64;

/**
 * Converts an argument to its JSON form.
 *
 * @throws TypeError whose message names the value that cannot be converted.
 */
export function written(value: unknown, numbers: ConnectionNumbers, depth = 0): Written {
  if (depth > maxDepth) throw new TypeError('a value that is nested too deeply');
  switch (typeof value) {
    case 'undefined':
      return { $: 'undefined' };
    case 'string':
      return value.isWellFormed()
        ? value
        : { $: 'text', codes: [...value].map((one) => one.codePointAt(0)!) };
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $: 'number', text: shownNumber(value) };
    case 'bigint':
      return { $: 'bigint', text: String(value) };
    case 'object':
      return value === null ? null : writtenObject(value, numbers, depth);
    default:
      throw new TypeError(`a ${typeof value}`);
  }
}

function writtenObject(value: object, numbers: ConnectionNumbers, depth: number): Written {
  if (NodeConnection.isGenuine(value)) {
    const number = numbers.numberOf(value);
    if (number === undefined) throw new TypeError('a connection of another node');
    return { $: 'connection', number };
  }
  if (ArrayBuffer.isView(value) || value instanceof Tensor) {
    return { $: 'cbor', base64: Buffer.from(encodeCbor(value as Data)).toString('base64') };
  }
  if (Array.isArray(value)) return value.map((item) => written(item, numbers, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`a value of the class ${value.constructor?.name}`);
  }
  const entries = Object.entries(value).map(([key, item]) => [key, written(item, numbers, depth + 1)]);
  return { $: 'object', entries } as Written;
}

/** Converts the JSON form of {@link written} back to the argument. */
export function readWritten(value: Written, numbers: ConnectionNumbers): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map((item) => readWritten(item, numbers));
  switch (value.$) {
    case 'text':
      return String.fromCodePoint(...(value.codes as number[]));
    case 'number':
      return Number(value.text);
    case 'bigint':
      return BigInt(value.text as string);
    case 'connection':
      return numbers.connectionOf(value.number as number);
    case 'cbor':
      return decodeCbor(Buffer.from(value.base64 as string, 'base64'), limits);
    case 'object':
      return Object.fromEntries(
        (value.entries as [string, Written][]).map(([key, item]) => [key, readWritten(item, numbers)]),
      );
    default:
      return undefined;
  }
}

const limits = { maxDepth: maxDataDepth, maxContainers: Number.POSITIVE_INFINITY };

function isList(value: Written): value is readonly Written[] {
  return Array.isArray(value);
}

function shownNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
