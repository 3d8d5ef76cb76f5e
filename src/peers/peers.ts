import type { NodeConnection } from '../api/node-connection.ts';
import { LateMap, LateSet } from '../base/late-collections.ts';
import type { Limits } from '../base/limits.ts';
import type { Runtime } from '../base/runtime.ts';
import { limitedSource } from '../transport/address-limits.ts';
import { PastFailures } from './past-failures.ts';
import { Peer } from './peer.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { SessionChannel } from './peer-session.ts';

export interface PeersOptions {
  readonly identity: { readonly id: string };
  /** 0: no limit. */
  readonly maxConnections: number;
  readonly limits: Pick<Limits, 'maxInboundPerAddress'>;
  readonly runtime: Runtime;
}

/** The most peers that the node remembers without a connection or a dial. Beyond it, the earliest is forgotten. */
const maxRemembered = 1_000;

/** What a node knows of all other nodes, by their ids. */
export class Peers {
  /** All connections that have not closed, in the order in which they came up. */
  readonly connections = new LateMap<NodeConnection, PeerConnection>();
  /** Connections that other nodes dialled and that have a link. */
  readonly inbound = new LateSet<NodeConnection>();
  /** Connections that this node dialled and that have a link. */
  readonly outbound = new LateSet<NodeConnection>();
  readonly #options: PeersOptions;
  readonly #peers = new LateMap<string, Peer>();
  #remembered = 0;
  /** Created for the first failure. */
  #failures: PastFailures | undefined;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Failures with other nodes. */
  get failures(): PastFailures {
    this.#failures ??= new PastFailures(this.#options.runtime);
    return this.#failures;
  }

  get size(): number {
    return this.#peers.size;
  }

  /** All known peers, in no particular order. */
  [Symbol.iterator](): Iterator<Peer> {
    return this.#peers.values();
  }

  find(id: string): Peer | undefined {
    return this.#peers.get(id);
  }

  /** The record of a peer. Call {@link Peers.release} when it is no longer needed. */
  of(id: string): Peer {
    let peer = this.#peers.get(id);
    if (peer === undefined) {
      peer = new Peer(id, this.#options.identity.id, this.#options.runtime);
      this.#peers.set(id, peer);
    } else if (peer.isRemembered) {
      peer.isRemembered = false;
      this.#remembered -= 1;
    }
    return peer;
  }

  /** Call it when something with a peer is over. If nothing is left, the peer is forgotten or only remembered. */
  release(peer: Peer): void {
    // The peer may have been forgotten earlier, and have returned with a new record.
    const isCurrent = this.#peers.get(peer.id) === peer;
    if (!isCurrent || !peer.isIdle || peer.isRemembered) return;
    this.#peers.delete(peer.id);
    if (!peer.isWorthRemembering) return;
    // Moves it to the end: the latest is last.
    this.#peers.set(peer.id, peer);
    peer.isRemembered = true;
    this.#remembered += 1;
    if (this.#remembered > maxRemembered) this.#forgetEarliest();
  }

  /**
   * At most `maxConnections` inbound sessions may be suspended, and `maxInboundPerAddress` of one address. Beyond that,
   * the session with the fewest received bytes ends; of several, the latest. So a node that begins sessions and leaves
   * them evicts only its own.
   */
  limitSuspended(last: SessionChannel): void {
    const { maxConnections, limits } = this.#options;
    const suspended: SessionChannel[] = [];
    for (const { session } of this.#peers.values()) {
      const { channel } = session;
      if (channel?.isSuspended && channel.direction === 'inbound') suspended.push(channel);
    }
    const source = sourceOfPeer(last);
    const ofSource = source === undefined ? [] : suspended.filter((one) => sourceOfPeer(one) === source);
    if (isPast(ofSource.length, limits.maxInboundPerAddress)) endOne(ofSource);
    else if (isPast(suspended.length, maxConnections)) endOne(suspended);
  }

  #forgetEarliest(): void {
    for (const peer of this.#peers.values()) {
      if (!peer.isRemembered) continue;
      this.#peers.delete(peer.id);
      this.#remembered -= 1;
      return;
    }
  }
}

/** The address to which a peer's limits apply. `undefined` if its transport has no limits per address. */
function sourceOfPeer({ session }: SessionChannel): string | undefined {
  return limitedSource(session.limitsByAddress, session.remoteAddress.host, session.remoteId);
}

/** @param limit 0: without a limit. */
function isPast(count: number, limit: number): boolean {
  return limit > 0 && count > limit;
}

function endOne(suspended: readonly SessionChannel[]): void {
  const least = suspended.reduce((one, next) =>
    next.session.heardBytes <= one.session.heardBytes ? next : one,
  );
  least.endSuspended('too many sessions are suspended (maxConnections, limits.maxInboundPerAddress)');
}
