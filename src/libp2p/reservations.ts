import type { Libp2p, PeerId } from '@libp2p/interface';

/** The places that other nodes have at this node, if it is a relay. */
interface Reservations {
  keys(): Iterable<PeerId>;
  get(peer: PeerId): { readonly signal: { clear(): void } } | undefined;
  delete(peer: PeerId): void;
}

function reservationsAt({ services }: Libp2p): Reservations | undefined {
  return (services as { readonly relay?: { readonly reservations?: Reservations } }).relay?.reservations;
}

/** Whether another node has a place at this relay. */
export function hasReservation(node: Libp2p, id: string): boolean {
  for (const one of reservationsAt(node)?.keys() ?? []) if (one.toString() === id) return true;
  return false;
}

/**
 * Frees the place of a node that has gone, because it can no longer be reached there. libp2p would keep the place for
 * two hours, so nodes that come and go would fill a relay.
 */
export function dropReservation(node: Libp2p, peer: PeerId): void {
  const reservations = reservationsAt(node);
  // Its timer would end the next reservation of the same node.
  reservations?.get(peer)?.signal.clear();
  reservations?.delete(peer);
}
