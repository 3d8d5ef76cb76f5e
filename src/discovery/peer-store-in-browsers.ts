import type { Discovery } from '../api/discovery.ts';
import { PeerloomError } from '../base/errors.ts';
import type { PeerStoreOptions } from './peer-store.ts';

/**
 * Replaces `peer-store.ts` in bundles for browsers, by the field `browser` of package.json.
 *
 * @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE`.
 */
export function peerStore(_options: PeerStoreOptions): Discovery {
  throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', 'a browser has no files: peerStore needs Node.js');
}
