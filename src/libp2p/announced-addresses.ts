import type { Connection, Libp2p } from '@libp2p/interface';
import { mayTell, scopeOf } from '../base/host-scope.ts';
import { parseMultiaddr } from './multiaddr-text.ts';

/** Addresses of another node that are tried. */
const maxAddresses = 8;

/** Direct addresses that a node may tell of which is reached this way. */
export async function announcedBy(node: Libp2p, { remotePeer, remoteAddr }: Connection): Promise<string[]> {
  const { addresses } = await node.peerStore.get(remotePeer).catch(() => ({ addresses: [] }));
  const teller = scopeOf(hostOf(remoteAddr.toString()));
  const id = `/p2p/${remotePeer}`;
  return addresses
    .map(({ multiaddr }) => multiaddr.toString())
    .filter(
      (text) =>
        /^\/ip[46]\/[^/]+\/tcp\/\d+(\/p2p\/\w+)?$/.test(text) && mayTell(teller, scopeOf(hostOf(text))),
    )
    .map((text) => (text.endsWith(id) ? text : `${text}${id}`))
    .slice(0, maxAddresses);
}

function hostOf(text: string): string {
  return parseMultiaddr(text)?.host ?? '';
}
