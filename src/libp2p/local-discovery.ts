import type { PeerDiscovery } from '@libp2p/interface';
import type { Discovery, DiscoveryHost } from '../api/discovery.ts';
import { checkOptions, errorOf, shown } from '../base/arguments.ts';
import type { RuntimeTimer } from '../base/runtime.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { Transport } from '../transport/transport.ts';
import { Libp2pTransport } from './libp2p-transport.ts';
import { ToldMultiaddrs } from './told-multiaddrs.ts';

/** The most addresses of one node that are used. */
const maxAddresses = 8;

/** The rate per second and the burst of multicast DNS packets that are read. */
const packetsPerSecond = 200;
const packetBurst = 1_000;

/** How long the node ignores packets after it has received more than that, in milliseconds. */
const deafMs = 10_000;

/** The listeners that libp2p's multicast DNS adds to its socket when it starts. Each packet calls one of them. */
const packetListeners = ['_onMdnsQuery', '_onMdnsResponse', '_onMdnsWarning'] as const;

/** The parts of libp2p's multicast DNS beyond its interface. */
type MulticastDns = PeerDiscovery &
  Record<(typeof packetListeners)[number], (...details: never[]) => void> & {
    start(): Promise<void>;
    stop(): Promise<void>;
  };

/** The options of {@link libp2pMdns}. */
export interface Libp2pMdnsOptions {
  /**
   * The service name. Only programs with the same name find each other. Default `'_p2p._udp.local'`: all libp2p
   * programs.
   */
  readonly service?: string | undefined;
  /** The time between two queries to the local network, in milliseconds, at least 1,000. Default 10,000. */
  readonly intervalMs?: number | undefined;
}

/**
 * Finds libp2p nodes in the local network, and lets them find this node, by libp2p's multicast DNS. Unlike `mdns()`, it
 * also finds nodes of other programs, and uses multiaddrs. It announces only private addresses, which all machines in
 * the local network can see. It needs the package `@libp2p/mdns`.
 *
 * @param transport a `libp2p()` transport of the same node.
 * @throws TypeError if an option is invalid.
 * @example
 * const transport = libp2p(lan());
 * new Node('0.0.0.0', 10001, { transports: [transport], discovery: [libp2pMdns(transport)] });
 */
export function libp2pMdns(transport: Transport, options: Libp2pMdnsOptions = {}): Discovery {
  if (!(transport instanceof Libp2pTransport))
    throw new TypeError('libp2pMdns() takes a transport that libp2p() made');
  checkOptions(options, ['service', 'intervalMs'], 'libp2pMdns');
  const { service = '_p2p._udp.local', intervalMs = 10_000 } = options;
  if (typeof service !== 'string' || !/^_[\w-]+\._(udp|tcp)\.local$/.test(service))
    throw new TypeError(
      `libp2pMdns.service must be a service such as '_p2p._udp.local', not ${shown(service)}`,
    );
  if (typeof intervalMs !== 'number' || !(intervalMs >= 1_000 && intervalMs <= 3_600_000))
    throw new RangeError(`libp2pMdns.intervalMs must be from 1000 to 3600000, not ${shown(intervalMs)}`);
  return new LocalDiscovery(transport, service, intervalMs);
}

class LocalDiscovery implements Discovery {
  readonly name = 'libp2p mdns';
  readonly #transport: Libp2pTransport;
  readonly #told = new ToldMultiaddrs('private', []);
  #host: DiscoveryHost | undefined;
  #packets: TokenBucket | undefined;
  #deaf: RuntimeTimer | undefined;

  constructor(transport: Libp2pTransport, serviceTag: string, interval: number) {
    this.#transport = transport;
    transport.extend({
      packages: ['@libp2p/mdns'],
      remembersNodes: false,
      peerDiscovery: (packages) => {
        const make = packages['@libp2p/mdns'].mdns({ serviceTag, interval });
        return [
          (components) =>
            this.#listenTo(make(components as Parameters<typeof make>[0]) as unknown as MulticastDns),
        ];
      },
    });
  }

  async start(host: DiscoveryHost): Promise<void> {
    this.#packets = new TokenBucket({ burst: packetBurst, perSecond: packetsPerSecond }, host.runtime);
    this.#host = host;
    await this.#transport.engine();
  }

  stop(): void {
    this.#host = undefined;
    this.#deaf?.cancel();
    this.#deaf = undefined;
  }

  #listenTo(discovery: MulticastDns): PeerDiscovery {
    for (const name of packetListeners) {
      const read = discovery[name];
      discovery[name] = (...details) => {
        if (this.#mayRead(discovery)) read(...details);
      };
    }
    discovery.addEventListener('peer', ({ detail: { id, multiaddrs } }) => {
      const texts = multiaddrs.map((one) => one.toString()).filter((text) => this.#told.mayDial(text));
      for (const text of texts.slice(0, maxAddresses))
        this.#host?.found({ address: `${text}/p2p/${id}`, id: id.toString(), isTold: true });
    });
    return discovery;
  }

  /** Whether a packet may be read. If the local network is flooded, the node ignores packets for a while. */
  #mayRead(discovery: MulticastDns): boolean {
    const host = this.#host;
    if (host === undefined || this.#deaf !== undefined) return false;
    if (this.#packets!.take()) return true;
    host.log(`too many packets: deaf for ${deafMs} ms`);
    const stopped = discovery.stop();
    this.#deaf = host.runtime.setTimeout(
      async () => {
        await stopped;
        if (this.#host !== host) return;
        this.#deaf = undefined;
        discovery.start().catch((error: unknown) => host.failed(errorOf(error)));
      },
      deafMs,
      'watching',
    );
    return false;
  }
}
