import type { IdentifyResult } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { scopeOf } from '../base/host-scope.ts';
import type { SeenHost } from '../transport/transport-reach.ts';
import { type Engine, transportManagerOf } from './engine.ts';
import { parseMultiaddr } from './multiaddr-text.ts';

/** The part of a libp2p node that knows its addresses. It is public, but not in the types. */
interface AddressManager {
  addPublicAddressMapping(
    ownHost: string,
    ownPort: number,
    host: string,
    port: number,
    protocol: 'tcp',
  ): void;
  removePublicAddressMapping(
    ownHost: string,
    ownPort: number,
    host: string,
    port: number,
    protocol: 'tcp',
  ): void;
  confirmObservedAddr(address: Multiaddr, options: { type: 'transport' | 'ip-mapping'; ttl: number }): void;
}

interface Listening {
  readonly host: string;
  readonly port: number;
}

/** The most nodes whose reports of this node's address are remembered. */
const maxSeen = 32;

/** How long libp2p keeps the addresses: until the node stops. */
const ttl = Number.MAX_SAFE_INTEGER;

/**
 * The public address under which other nodes see this node. libp2p does not announce public addresses until it has
 * proven them, which needs a service that few nodes offer. A node behind a router announces to connected nodes the
 * public host together with its own port. If the router passes everything on, or forwards this port, they can reach it
 * there.
 */
export class ObservedAddress {
  readonly #engine: Engine;
  #host: string | undefined;
  #mapped: readonly Listening[] = [];
  /** The reported hosts, by the id of the reporting node, the latest last. */
  readonly #seen = new Map<string, string>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Another node reports the address at which it sees this node. It counts only if this node dialled the other. */
  heard({ observedAddr, connection }: Pick<IdentifyResult, 'observedAddr' | 'connection'>): void {
    const host = hostOf(observedAddr);
    if (connection.direction !== 'outbound' || !connection.direct || host === undefined) return;
    this.#remember(connection.remotePeer.toString(), host);
    if (scopeOf(host) !== 'public' || host === this.#host) return;
    const { multiaddr } = this.#engine;
    const manager = this.#addressManager;
    for (const own of this.#mapped)
      manager.removePublicAddressMapping(own.host, own.port, this.#host!, own.port, 'tcp');
    this.#host = host;
    const listening = this.#listening();
    const isOwn = listening.some((one) => one.host === host);
    this.#mapped = isOwn ? [] : listening.filter((one) => scopeOf(one.host) === 'private');
    const confirmed = isOwn ? listening.filter((one) => one.host === host) : this.#mapped;
    for (const own of this.#mapped)
      manager.addPublicAddressMapping(own.host, own.port, host, own.port, 'tcp');
    for (const { port } of confirmed) {
      manager.confirmObservedAddr(multiaddr(`/ip4/${host}/tcp/${port}`), {
        type: isOwn ? 'transport' : 'ip-mapping',
        ttl,
      });
    }
  }

  /** The hosts at which dialled nodes see this node, the most frequent first. */
  get seenAt(): readonly SeenHost[] {
    const hosts = [...this.#seen.values()];
    return [...new Set(hosts)]
      .map((host) => ({ host, by: hosts.filter((one) => one === host).length }))
      .sort((one, other) => other.by - one.by);
  }

  #remember(id: string, host: string): void {
    this.#seen.delete(id);
    this.#seen.set(id, host);
    const [earliest] = this.#seen.keys();
    if (this.#seen.size > maxSeen) this.#seen.delete(earliest!);
  }

  /** Whether an address is a guess: the node does not listen there, and assumes that its router forwards to it. */
  isGuess(text: string): boolean {
    return this.#mapped.length > 0 && parseMultiaddr(text)?.host === this.#host;
  }

  get #addressManager(): AddressManager {
    return (this.#engine.node as unknown as { components: { addressManager: AddressManager } }).components
      .addressManager;
  }

  #listening(): readonly Listening[] {
    const texts = transportManagerOf(this.#engine.node)
      .getListeners()
      .flatMap((listener) => listener.getAddrs().map((one) => one.toString()));
    return texts.flatMap((text) => {
      const [, host, port] = /^\/ip4\/([\d.]+)\/tcp\/(\d+)$/.exec(text) ?? [];
      return host === undefined ? [] : [{ host, port: Number(port) }];
    });
  }
}

function hostOf(observed: Multiaddr | undefined): string | undefined {
  return /^\/ip4\/([\d.]+)\/tcp\//.exec(observed?.toString() ?? '')?.[1];
}
