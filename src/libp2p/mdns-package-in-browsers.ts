import { PeerloomError } from '../base/errors.ts';

/** Bundlers use this file instead of mdns-package.ts in a bundle for browsers. */
export async function loadMdns(): Promise<never> {
  throw new PeerloomError(
    'ERR_TRANSPORT_UNAVAILABLE',
    'libp2pMdns() needs Node.js, because browsers send no multicast: leave it out, and use libp2pDht()',
  );
}
