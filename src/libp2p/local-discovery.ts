import type { PeerDiscovery } from '@libp2p/interface';
import type { Discovery, DiscoveryHost } from '../api/discovery.ts';
import { checkOptions, shown } from '../base/arguments.ts';
import type { Transport } from '../transport/transport.ts';
import { Libp2pTransport } from './libp2p-transport.ts';
import { ToldMultiaddrs } from './told-multiaddrs.ts';

/** Addresses of one node that are taken. */
const maxAddresses = 8;

/** The options of {@link libp2pMdns}. */
export interface Libp2pMdnsOptions {
  /** Only programs with the same service find each other. Default `'_p2p._udp.local'`: all libp2p programs. */
  readonly service?: string | undefined;
  /** Time between two questions to the local network, in milliseconds, at least 1,000. Default 10,000. */
  readonly intervalMs?: number | undefined;
}

/**
 * Finds libp2p nodes in the local network, and lets them find this one, by the multicast DNS of libp2p: those of other
 * programs as well, and at multiaddrs, which `mdns()` does not know. It announces private addresses alone, to everybody in
 * the local network. It needs the package `@libp2p/mdns`.
 *
 * @param transport a `libp2p()` transport of the same node.
 * @throws TypeError for wrong options.
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

  constructor(transport: Libp2pTransport, serviceTag: string, interval: number) {
    this.#transport = transport;
    transport.extend({
      packages: ['@libp2p/mdns'],
      remembersNodes: false,
      peerDiscovery: (packages) => {
        const make = packages['@libp2p/mdns'].mdns({ serviceTag, interval });
        return [(components) => this.#listenTo(make(components as Parameters<typeof make>[0]))];
      },
    });
  }

  async start(host: DiscoveryHost): Promise<void> {
    await this.#transport.engine();
    this.#host = host;
  }

  stop(): void {
    this.#host = undefined;
  }

  #listenTo(discovery: PeerDiscovery): PeerDiscovery {
    discovery.addEventListener('peer', ({ detail: { id, multiaddrs } }) => {
      const texts = multiaddrs.map((one) => one.toString()).filter((text) => this.#told.mayDial(text));
      for (const text of texts.slice(0, maxAddresses))
        this.#host?.found({ address: `${text}/p2p/${id}`, id: id.toString(), isTold: true });
    });
    return discovery;
  }
}
