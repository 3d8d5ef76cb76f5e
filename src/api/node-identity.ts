import { shown } from '../base/arguments.ts';
import type { Runtime } from '../base/runtime.ts';
import { secretBytes } from '../base/secret-bytes.ts';
import { Identity } from '../identity/identity.ts';
import { type IdentityFile, loadOrCreateIdentity } from '../identity/identity-file.ts';
import { type IdentityStore, StoredIdentity } from '../identity/identity-store.ts';
import { identityOfSigner, looksLikeSigner, type NodeIdentity, type Signer } from '../identity/signer.ts';

/**
 * Resolves the option `identity`. Returns the same object for the same option.
 *
 * @throws TypeError, and what {@link loadOrCreateIdentity} and the constructor of {@link StoredIdentity} throw.
 */
export function resolveIdentity(
  given: Identity | IdentityFile | IdentityStore | Signer | undefined,
  runtime: Runtime,
): NodeIdentity {
  if (given === undefined) return Identity.fromSeed(secretBytes(runtime, 32, 'identity'));
  if (Identity.isGenuine(given) || given instanceof StoredIdentity) return given;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`identity must be an Identity or { path, passphrase }, not ${shown(given)}`);
  }
  if (looksLikeSigner(given)) return identityOfSigner(given);
  if ('toPkcs8' in given) {
    throw new TypeError(
      'identity must be an Identity made by this copy of peerloom, not a Proxy or a copy of it; Identity.fromSeed makes one',
    );
  }
  return 'store' in given ? new StoredIdentity(given) : loadOrCreateIdentity(given);
}
