import { formatAddress } from '../base/address.ts';
import type { Link } from '../transport/transport.ts';

interface Claim {
  /** Where the node listens that claims the id. */
  readonly place: string;
  readonly links: Set<Link>;
}

/**
 * Ids that nothing proves, each of which belongs to one place for as long as a link from there lasts. Several Python
 * nodes may claim one id: without this, who dials one of them would be given the connection with another.
 */
export class ClaimedIds {
  readonly #claims = new Map<string, Claim>();

  /**
   * Notes that a link claims its id. Links whose id is proven claim nothing.
   *
   * @returns where another node claims the same id; the link must not become a connection then.
   */
  claim(link: Link, direction: 'inbound' | 'outbound'): string | undefined {
    if (link.security.authenticated) return undefined;
    const { remoteId } = link;
    const place = placeOf(link, direction);
    const claim = this.#claims.get(remoteId) ?? { place, links: new Set() };
    if (claim.place !== place) return claim.place;
    claim.links.add(link);
    this.#claims.set(remoteId, claim);
    void link.closed.then(() => {
      claim.links.delete(link);
      if (claim.links.size === 0 && this.#claims.get(remoteId) === claim) this.#claims.delete(remoteId);
    });
    return undefined;
  }
}

/** The port of an inbound link is any: the node says where it listens. One that does not is known by its host alone. */
function placeOf({ remoteAddress, announcedPort = 0 }: Link, direction: 'inbound' | 'outbound'): string {
  const port = direction === 'outbound' ? remoteAddress.port : announcedPort;
  return port === 0
    ? `${remoteAddress.host} (which does not say its port)`
    : formatAddress({ ...remoteAddress, port });
}
