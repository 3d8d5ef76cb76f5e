import { PeerloomError } from '../base/errors.ts';
import type { Identity } from './identity.ts';
import type { IdentityFile } from './identity-file.ts';

/* Replaces `identity-file.ts` in bundles for browsers, by the field `browser` of package.json. */

/** @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE`. */
export function loadOrCreateIdentity(_file: IdentityFile): Identity {
  return refuse();
}

/** @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE`. */
export function saveIdentity(_identity: Identity, _file: IdentityFile): void {
  refuse();
}

function refuse(): never {
  const message = 'a browser has no files: give the node an Identity or a Signer';
  throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', message);
}
