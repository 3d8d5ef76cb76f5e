import type { Discovery } from '../api/discovery.ts';
import { PeerloomError } from '../base/errors.ts';
import type { MdnsOptions } from './mdns.ts';

/**
 * Replaces `mdns.ts` in bundles for browsers, by the field `browser` of package.json.
 *
 * @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE`.
 */
export function mdns(_options?: MdnsOptions): Discovery {
  throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', 'a browser has no multicast: mdns needs Node.js');
}
