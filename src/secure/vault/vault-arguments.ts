import { checkOptions, shown } from '../../arguments.ts';
import { isPeerId } from '../../identity.ts';
import type { VaultOptions } from './vault-engine.ts';

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

const optionNames = ['path', 'maxReplicaBytes'] as const satisfies readonly (keyof VaultOptions)[];

/** @throws TypeError and RangeError, which name the option. */
export function checkVaultOptions(options: VaultOptions): void {
  checkOptions(options, optionNames, 'vault');
  const { path, maxReplicaBytes } = options;
  if (path !== undefined && (typeof path !== 'string' || path === '' || path.includes('\0'))) {
    throw new TypeError(`vault.path must be the path of a file, not ${shown(path)}`);
  }
  if (maxReplicaBytes !== undefined && !(typeof maxReplicaBytes === 'number' && maxReplicaBytes >= 0)) {
    throw new RangeError(
      `vault.maxReplicaBytes must be a number of at least 0, not ${shown(maxReplicaBytes)}`,
    );
  }
}
