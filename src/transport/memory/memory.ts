import { type Address, formatAddress } from '../../base/address.ts';
import { checkOptions, shown } from '../../base/arguments.ts';
import { PeerloomError } from '../../base/errors.ts';
import { LateSet } from '../../base/late-collections.ts';
import type { Link, Transport, TransportContext } from '../transport.ts';
import { memoryLinkPair } from './memory-link.ts';

interface Listener {
  readonly context: TransportContext;
  /** Its links that have not ended. */
  readonly links: LateSet<Link>;
  readonly onLink: (link: Link) => void;
}

/** Separates memory transports: nodes can only reach nodes on the same hub. */
export class MemoryHub {
  /** @internal */
  readonly listeners = new Map<string, Listener>();
  #lastPort = 49_151;

  /** @internal False for an object that only looks like a hub, such as a Proxy. */
  static isGenuine(value: unknown): value is MemoryHub {
    return typeof value === 'object' && value !== null && #lastPort in value;
  }

  /** @internal Returns a port on which no node listens. */
  freePort(host: string): number {
    do this.#lastPort = this.#lastPort >= 65_535 ? 49_152 : this.#lastPort + 1;
    while (this.listeners.has(key(host, this.#lastPort)));
    return this.#lastPort;
  }
}

const processHub = new MemoryHub();

/**
 * Creates a transport whose links stay inside this process, for tests, teaching and simulation. A host can have any
 * name.
 *
 * @param options.hub the hub whose nodes can reach each other. Default: one hub for the whole process.
 * @throws TypeError with the option, the rule and the value.
 * @example
 * new Node('alice', 1, { transports: [memory()] });
 */
export function memory(options: { readonly hub?: MemoryHub } = {}): Transport {
  checkOptions(options, ['hub']);
  const { hub = processHub } = options;
  if (!MemoryHub.isGenuine(hub)) throw new TypeError(`hub must be a MemoryHub, not ${shown(hub)}`);
  return new MemoryTransport(hub);
}

class MemoryTransport implements Transport {
  readonly schemes = ['memory'];
  readonly #hub: MemoryHub;
  readonly #links = new LateSet<Link>();
  #context: TransportContext | undefined;
  #key: string | undefined;

  constructor(hub: MemoryHub) {
    this.#hub = hub;
  }

  attach(context: TransportContext): void {
    if (this.#context !== undefined) {
      throw new PeerloomError(
        'ERR_TRANSPORT_IN_USE',
        'a memory() transport belongs to one node: make one for each node',
      );
    }
    this.#context = context;
  }

  async listen(address: Address, onLink: (link: Link) => void): Promise<readonly Address[]> {
    const port = address.port === 0 ? this.#hub.freePort(address.host) : address.port;
    const bound = { scheme: 'memory', host: address.host, port };
    const taken = key(address.host, port);
    if (this.#hub.listeners.has(taken)) {
      throw new PeerloomError(
        'ERR_ADDRESS_IN_USE',
        `${taken} is in use: choose another port, or use port 0 to get a free one`,
      );
    }
    this.#hub.listeners.set(taken, { context: this.#context!, links: this.#links, onLink });
    this.#key = taken;
    return [bound];
  }

  async dial(address: Address, signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    const listener = this.#hub.listeners.get(key(address.host, address.port));
    const text = formatAddress(address);
    if (listener === undefined) {
      throw new PeerloomError(
        'ERR_CONNECTION_REFUSED',
        `nothing listens at ${text}: start that node first, or check the port`,
      );
    }
    const from = { scheme: undefined, host: 'memory', port: this.#hub.freePort('memory') };
    if (!sameSecret(listener.context.networkSecret, this.#context!.networkSecret)) {
      listener.context.onInboundFailure(from, otherNetworkKey());
      throw otherNetworkKey(`${text}: `);
    }
    const [ours, theirs] = memoryLinkPair(
      { context: this.#context!, links: this.#links, address: from },
      { context: listener.context, links: listener.links, address },
    );
    listener.onLink(theirs);
    return ours;
  }

  async close(): Promise<void> {
    if (this.#key !== undefined) this.#hub.listeners.delete(this.#key);
    const links = [...this.#links];
    for (const link of links) link.destroy();
    await Promise.all(links.map((link) => link.closed));
  }
}

function otherNetworkKey(prefix = ''): PeerloomError {
  return new PeerloomError(
    'ERR_NETWORK_MISMATCH',
    `${prefix}the two sides do not hold the same network key: give both nodes the same networkKey, or none`,
  );
}

function key(host: string, port: number): string {
  return formatAddress({ scheme: 'memory', host, port });
}

function sameSecret(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one?.join() === other?.join();
}
