import { PeerloomError } from '../base/errors.ts';

/** What bundles for browsers have in the place of mdns-package.ts. */
export async function loadMdns(): Promise<never> {
  throw new PeerloomError(
    'ERR_TRANSPORT_UNAVAILABLE',
    'libp2pMdns() needs Node.js, because browsers send no multicast: leave it out, and use libp2pDht()',
  );
}
