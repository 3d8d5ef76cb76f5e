import { PeerloomError } from '../../base/errors.ts';
import { PageVaultStore } from './page-vault-store.ts';
import type { StoreBounds } from './store-usage.ts';

/** Replaces `sqlite-vault-store.ts` in bundles for browsers, with a vault in memory. */
export class SqliteVaultStore extends PageVaultStore {
  /** @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE` for a path. */
  constructor(path: string | undefined, ownId: string, options: { readonly bounds?: StoreBounds }) {
    if (path !== undefined) {
      const message = 'a browser has no files: use vault.store in the place of vault.path';
      throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', message);
    }
    super(ownId, options);
  }
}
