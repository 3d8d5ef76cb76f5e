import type { Libp2p } from '@libp2p/interface';
import type { KadDHT } from '@libp2p/kad-dht';
import type { EngineExtension } from './engine-extension.ts';
import type { PackageName } from './packages.ts';

/** The DHT to use, see {@link DhtOptions}. */
export type DhtScope = 'public' | 'local';

export const packagesOfDht = [
  '@libp2p/kad-dht',
  '@libp2p/identify',
  '@libp2p/ping',
  '@libp2p/peer-id',
  'multiformats',
] as const satisfies readonly PackageName[];

const protocols: Readonly<Record<DhtScope, string>> = {
  public: '/ipfs/kad/1.0.0',
  local: '/ipfs/lan/kad/1.0.0',
};

/** The number of simultaneous requests of one lookup, each on a separate path. */
const alpha = 3;

/** The prefix of announcements in the store: `/dht/provider/<key>/<id>`. */
const providers = '/dht/provider/';

/** The name under which a libp2p service registers its peer routing. */
const peerRouting = Symbol.for('@libp2p/peer-routing');

export interface DhtExtensionOptions {
  readonly mode: 'client' | 'server';
  readonly scope: DhtScope;
  readonly mayRemember: (address: string) => boolean;
}

/** Returns what a libp2p node needs to take part in a DHT. */
export function dhtExtension({ mode, scope, mayRemember }: DhtExtensionOptions): EngineExtension {
  return {
    packages: packagesOfDht,
    remembersNodes: true,
    mayRemember,
    services: (packages) => {
      const make = packages['@libp2p/kad-dht'].kadDHT({
        protocol: protocols[scope],
        clientMode: mode === 'client',
        alpha,
        disjointPaths: alpha,
        peerInfoMapper: (peer) => ({
          ...peer,
          multiaddrs: peer.multiaddrs.filter((one) => mayRemember(one.toString())),
        }),
      });
      const makePing = packages['@libp2p/ping'].ping();
      return {
        identify: packages['@libp2p/identify'].identify(),
        // This service only sends pings: every node over libp2p() already answers them (ping-answers.ts).
        ping: (components: Parameters<typeof makePing>[0]) =>
          Object.assign(makePing(components), { start() {}, stop() {} }),
        dht: (components: Parameters<typeof make>[0]) => {
          const dht = make(components);
          // Otherwise libp2p begins another lookup, in the middle of a lookup, for each node without an address.
          Object.defineProperty(dht, peerRouting, { value: undefined });
          return dht;
        },
      } as unknown as ReturnType<NonNullable<EngineExtension['services']>>;
    },
    // A server that has a node's announcement but not its addresses would fail to answer at all.
    needs: (key, packages) => {
      if (!key.startsWith(providers)) return undefined;
      const id = key.slice(key.lastIndexOf('/') + 1);
      return `/peers/${packages['@libp2p/peer-id'].peerIdFromString(id).toCID()}`;
    },
  };
}

/** The DHT of a node of libp2p, with a part that is public but not in the types: the servers that it knows. */
export type RunningDht = KadDHT & { readonly routingTable: { readonly size: number } };

export function dhtOf({ services }: Libp2p): RunningDht {
  return (services as unknown as { dht: RunningDht }).dht;
}
