import type { Discovery } from '../api/discovery.ts';
import { parseAddress } from '../base/address.ts';
import { shown } from '../base/arguments.ts';
import { PeerloomError } from '../base/errors.ts';

const maxAddresses = 64;

/**
 * Finds a network through nodes whose addresses are known. The node dials them until it has reached each of them once,
 * with growing delays, for as long as it runs; again when it has too few connections; and every ten minutes or so, so
 * that two parts of a network that know the same address find each other.
 *
 * @param addresses as `connectWithNode` takes them, 1 to 64. The node's own address may be among them.
 * @throws TypeError or RangeError; PeerloomError `ERR_ADDRESS_INVALID`. The start of the node rejects with
 * `ERR_ADDRESS_INVALID` if none of its transports dials an address.
 * @example
 * new Node('0.0.0.0', 10001, { discovery: [bootstrap(['seed.example.org:10001'])] });
 */
export function bootstrap(addresses: readonly string[]): Discovery {
  if (!Array.isArray(addresses)) {
    throw new TypeError(`bootstrap needs a list such as ['seed.example.org:10001'], not ${shown(addresses)}`);
  }
  if (addresses.length < 1 || addresses.length > maxAddresses) {
    throw new RangeError(`bootstrap needs 1 to ${maxAddresses} addresses, not ${addresses.length}`);
  }
  const texts = [...addresses];
  // Only the transport can read an address of another form.
  for (const text of texts) if (typeof text !== 'string' || !text.startsWith('/')) parseAddress(text);
  return {
    name: 'bootstrap',
    start(host) {
      for (const address of texts) {
        if (host.found({ address, isPermanent: true })) continue;
        throw new PeerloomError(
          'ERR_ADDRESS_INVALID',
          `bootstrap: no transport of this node dials ${address}: write it as host:port, or give the node the transport`,
        );
      }
    },
    stop() {},
  };
}
