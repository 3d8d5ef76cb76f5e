import { shown } from '../../base/arguments.ts';
import { isPeerId } from '../../identity/identity.ts';
import { maxNameLength } from './vault-limits.ts';

/** Whether another node's text can be the name of a collection or of an item. */
export function isName(name: unknown): name is string {
  return typeof name === 'string' && name.length >= 1 && name.length <= maxNameLength && name.isWellFormed();
}

/** Whether the value is a safe integer that is not negative. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether the value is the name of a large item's chunks: 32 hexadecimal digits. */
export function isBlob(blob: unknown): blob is string {
  return typeof blob === 'string' && /^[0-9a-f]{32}$/.test(blob);
}

/**
 * Whether an object of another node has these fields and no others. The memory of other fields would not be counted.
 */
export function hasFields(value: unknown, names: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  const keys = Object.keys(value);
  return keys.length === names.length && names.every((name) => Object.hasOwn(value, name));
}

/** @throws TypeError that names the argument. */
export function checkId(name: string, id: string): void {
  if (typeof id !== 'string' || !isPeerId(id))
    throw new TypeError(`${name} must be the id of a node, not ${shown(id)}`);
}

/** Checks the names of collections and items. @throws TypeError or RangeError that names the argument. */
export function checkNames(names: Readonly<Record<string, string>>): void {
  for (const [what, name] of Object.entries(names)) {
    if (typeof name !== 'string' || !name.isWellFormed()) throw new TypeError(`${what} must be a string`);
    if (name.length < 1 || name.length > maxNameLength) {
      throw new RangeError(`${what} must be 1 to ${maxNameLength} characters long, not ${name.length}`);
    }
  }
}

/** @throws RangeError that names the argument. */
export function checkCount(name: string, count: unknown): void {
  if (!isCount(count))
    throw new RangeError(`${name} must be a whole number of at least 0, not ${shown(count)}`);
}
