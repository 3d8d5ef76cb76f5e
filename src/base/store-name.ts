import { checkWellFormed, shown } from './arguments.ts';
import { PeerloomError } from './errors.ts';

const maxNameLength = 256;

/** @throws TypeError or RangeError for an invalid name. */
export function checkStoreName(option: string, name: unknown): string {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(`${option} must be a name of your choice, not ${shown(name)}`);
  }
  checkWellFormed(option, name);
  if (name.length <= maxNameLength) return name;
  throw new RangeError(`${option} must be at most ${maxNameLength} characters long, not ${name.length}`);
}

/** @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE` outside of browsers. */
export function requireIndexedDb(option: string): void {
  if (typeof indexedDB !== 'undefined') return;
  const message = `${option} needs IndexedDB, which browsers have: use path`;
  throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', message);
}
