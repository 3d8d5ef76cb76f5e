import type { Discovery } from '../api/discovery.ts';
import { checkOptions, checkType, shown } from '../base/arguments.ts';
import type { Transport } from '../transport/transport.ts';
import { DhtDiscovery } from './dht-discovery.ts';
import type { DhtScope } from './dht-extension.ts';
import { Libp2pTransport } from './libp2p-transport.ts';
import { relaysOf } from './preset.ts';

/** The options of {@link libp2pDht}. */
export interface DhtOptions {
  /**
   * Nodes through which to enter the DHT, as multiaddrs with their ids. They must be servers of the same DHT. Default:
   * the relays of the transport's preset.
   */
  readonly bootstrap?: readonly string[] | undefined;
  /**
   * With `'server'`, the node answers other nodes and keeps their announcements. It should be reachable and run for a
   * long time. With `'client'`, it only asks. Default `'server'` for {@link lan} and {@link relay}, otherwise
   * `'client'`.
   */
  readonly mode?: 'client' | 'server' | undefined;
  /**
   * `'public'` is the DHT of the public internet (`/ipfs/kad/1.0.0`), in which only public addresses count. `'local'`
   * is the DHT of a local network (`/ipfs/lan/kad/1.0.0`), in which private addresses count as well. Default `'local'`
   * for {@link lan}, otherwise `'public'`.
   */
  readonly scope?: DhtScope | undefined;
  /**
   * Whether the node announces itself as a member of its `network`, and looks for other members. If false, the DHT is
   * only used by `connectWithNode(id)`. Default true.
   */
  readonly seeksNetwork?: boolean | undefined;
}

/**
 * Finds nodes through the Kademlia DHT of libp2p: nodes that announced the name of this node's `network`, and, with
 * `connectWithNode(id)`, any node in the DHT. All nodes of the DHT can see the id and the addresses of this node, and a
 * hash of the network's name.
 *
 * It needs the packages `@libp2p/kad-dht`, `@libp2p/identify`, `@libp2p/ping`, `@libp2p/peer-id` and `multiformats`.
 * Without them, the start of the node rejects with `ERR_TRANSPORT_UNAVAILABLE`.
 *
 * @param transport a `libp2p()` transport of the same node.
 * @throws TypeError if an option is invalid; PeerloomError `ERR_ADDRESS_INVALID`.
 * @example
 * const transport = libp2p(internet({ relays }));
 * new Node('0.0.0.0', 10001, { transports: [transport], discovery: [libp2pDht(transport)] });
 */
export function libp2pDht(transport: Transport, options: DhtOptions = {}): Discovery {
  if (!(transport instanceof Libp2pTransport))
    throw new TypeError('libp2pDht() takes a transport that libp2p() made');
  checkOptions(options, ['bootstrap', 'mode', 'scope', 'seeksNetwork'], 'libp2pDht');
  const { preset } = transport;
  const isLocal = preset.name === 'lan';
  const {
    scope = isLocal ? 'local' : 'public',
    mode = isLocal || preset.name === 'relay' ? 'server' : 'client',
    seeksNetwork = true,
  } = options;
  checkWord('libp2pDht.scope', scope, ['public', 'local']);
  checkWord('libp2pDht.mode', mode, ['client', 'server']);
  checkType('libp2pDht.seeksNetwork', seeksNetwork, 'boolean');
  const bootstrap =
    options.bootstrap === undefined ? preset.relays : relaysOf(options.bootstrap, 'libp2pDht.bootstrap');
  return new DhtDiscovery({ transport, bootstrap, mode, scope, seeksNetwork });
}

function checkWord(name: string, given: unknown, words: readonly string[]): void {
  if (words.some((word) => word === given)) return;
  throw new TypeError(
    `${name} must be ${words.map((word) => `'${word}'`).join(' or ')}, not ${shown(given)}`,
  );
}
