import { formatAddress } from '../base/address.ts';
import { PeerloomError } from '../base/errors.ts';
import { refusePacketLink } from '../p2pnetwork/packet-handshake.ts';
import type { Link } from '../transport/transport.ts';
import { goodbye } from '../wire/frames/goodbye.ts';
import type { Peer } from './peer.ts';
import type { Peers } from './peers.ts';

/**
 * Records that a link claims the id of a peer. An unproven id belongs to one address for as long as a link from there
 * lasts. Several Python nodes may claim one id: without this rule, a dial to one of them could return the connection
 * with another. Links whose id is proven claim nothing.
 *
 * @param ended called when no link claims the id any more.
 * @returns the address of another node that claims the same id. The link must not become a connection then.
 */
export function claimId(
  peer: Peer,
  link: Link,
  direction: 'inbound' | 'outbound',
  ended: () => void,
): string | undefined {
  if (link.security.authenticated) return undefined;
  const place = placeOf(link, direction);
  const claim = peer.claim ?? { place, links: new Set() };
  if (claim.place !== place) return claim.place;
  claim.links.add(link);
  peer.claim = claim;
  void link.closed.then(() => {
    claim.links.delete(link);
    if (claim.links.size > 0 || peer.claim !== claim) return;
    peer.claim = undefined;
    ended();
  });
  return undefined;
}

/** @throws PeerloomError `ERR_ID_MISMATCH` if another node claims the same id. The link has ended then. */
export function checkClaim(peers: Peers, peer: Peer, link: Link, direction: 'inbound' | 'outbound'): void {
  const place = claimId(peer, link, direction, () => peers.release(peer));
  if (place === undefined) return;
  const { remoteId, remoteAddress } = link;
  const message = `the node at ${formatAddress(remoteAddress)} claims the id '${remoteId}', which the node at ${place} uses: give each Python node an id of its own`;
  refusePacketLink(link, direction, goodbye('duplicate', message));
  throw new PeerloomError('ERR_ID_MISMATCH', message);
}

/** An inbound link's own port is arbitrary, so the announced port counts. Without one, only the host counts. */
function placeOf({ remoteAddress, announcedPort = 0 }: Link, direction: 'inbound' | 'outbound'): string {
  const port = direction === 'outbound' ? remoteAddress.port : announcedPort;
  return port === 0
    ? `${remoteAddress.host} (which does not say its port)`
    : formatAddress({ ...remoteAddress, port });
}
