import { PeerloomError } from '../base/errors.ts';
import type { Transport } from '../transport/transport.ts';
import type { TcpOptions } from './tcp.ts';

/**
 * Replaces `tcp.ts` in bundles for browsers, by the field `browser` of package.json: pages cannot use TCP.
 *
 * @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE`.
 */
export function tcp(_options?: TcpOptions): Transport {
  const message =
    'a browser has no TCP: use webSocket(), the default there, and dial ws:// and wss:// addresses';
  throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', message);
}
