import { isPeerId } from '../../identity.ts';

const maxNameLength = 256;

/** @throws TypeError, which names the argument. */
export function checkId(name: string, id: string): void {
  if (typeof id !== 'string' || !isPeerId(id))
    throw new TypeError(`${name} must be the id of a node, not '${id}'`);
}

/** @param names of collections and items. @throws TypeError and RangeError, which name the argument. */
export function checkNames(names: Readonly<Record<string, string>>): void {
  for (const [what, name] of Object.entries(names)) {
    if (typeof name !== 'string' || !name.isWellFormed()) throw new TypeError(`${what} must be a text`);
    if (name.length < 1 || name.length > maxNameLength) {
      throw new RangeError(`${what} must be 1 to ${maxNameLength} characters long, not ${name.length}`);
    }
  }
}
