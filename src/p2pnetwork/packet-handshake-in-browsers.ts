import { PeerloomError } from '../base/errors.ts';
import type { Link } from '../transport/transport.ts';

/*
 * Replaces `packet-handshake.ts` in bundles for browsers, by the field `browser` of package.json: only `tcp()` reaches
 * Python nodes.
 */

/** @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE`. */
export async function openPacketChannel(link: Link): Promise<never> {
  link.destroy();
  throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', 'a node in a browser cannot talk to Python nodes');
}

export function refusePacketLink(link: Link): void {
  link.destroy();
}
