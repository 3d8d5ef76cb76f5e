import type { Connection, Libp2p } from '@libp2p/interface';
import { mayTell, scopeOf } from '../base/host-scope.ts';
import { parseMultiaddr } from './multiaddr-text.ts';

/** The most addresses of another node that are tried. */
const maxAddresses = 8;

/** Returns the direct addresses that a node announces, as far as a node reached over this connection may name them. */
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
