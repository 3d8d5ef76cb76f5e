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
  /** 0: without a limit. */
  readonly maxConnections: number;
  readonly limits: Pick<Limits, 'maxInboundPerAddress'>;
  readonly runtime: Runtime;
}

/** The most peers that the node remembers without a connection or a dial; beyond it, it forgets the earliest. */
const maxRemembered = 1_000;

/** What a node knows of all other nodes, by their ids. */
export class Peers {
  /** All connections that have not closed, in the order in which they came up. */
  readonly connections = new LateMap<NodeConnection, PeerConnection>();
  /** Those that other nodes dialled and that have a link. */
  readonly inbound = new LateSet<NodeConnection>();
  /** Those that this node dialled and that have a link. */
  readonly outbound = new LateSet<NodeConnection>();
  readonly #options: PeersOptions;
  readonly #peers = new LateMap<string, Peer>();
  #remembered = 0;
  /** Made when something is over. */
  #failures: PastFailures | undefined;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** What went wrong with other nodes. */
  get failures(): PastFailures {
    this.#failures ??= new PastFailures(this.#options.runtime);
    return this.#failures;
  }

  get size(): number {
    return this.#peers.size;
  }

  /** All that are known, in no particular order. */
  [Symbol.iterator](): Iterator<Peer> {
    return this.#peers.values();
  }

  find(id: string): Peer | undefined {
    return this.#peers.get(id);
  }

  /** The record of a peer. Call {@link Peers.release} once what it is needed for is over. */
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

  /** Something with a peer is over. A peer with which nothing is left is forgotten, or only remembered. */
  release(peer: Peer): void {
    // It may have been forgotten earlier, and have come back with a new record.
    const isCurrent = this.#peers.get(peer.id) === peer;
    if (!isCurrent || !peer.isIdle || peer.isRemembered) return;
    this.#peers.delete(peer.id);
    if (!peer.isWorthRemembering) return;
    // The latest stands last.
    this.#peers.set(peer.id, peer);
    peer.isRemembered = true;
    this.#remembered += 1;
    if (this.#remembered > maxRemembered) this.#forgetEarliest();
  }

  /**
   * At most `maxConnections` inbound sessions may be suspended, and `maxInboundPerAddress` of one address. Past that the
   * one from which the fewest bytes were received ends, the latest of several: a node that begins sessions and leaves
   * them pushes out no sessions but its own.
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

/** The address that a peer's limits count for; undefined for a transport without limits by address. */
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
