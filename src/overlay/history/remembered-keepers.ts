import type { Runtime } from '../../base/runtime.ts';
import type { AddressRecord } from '../membership/address-record.ts';

/** How long a node remembers what a walk told of a keeper, in milliseconds. */
const rememberedMs = 600_000;

/** Topics whose keepers a node remembers of one peer: one keeper of each. Beyond them the earliest is forgotten. */
const maxOfPeer = 16;

interface Remembered {
  readonly record: AddressRecord;
  readonly untilMs: number;
}

/**
 * Keepers of topics that this node does not keep itself, as walks told of them. Each peer has places of its own, so a
 * liar pushes out nothing but its own lies.
 */
export class RememberedKeepers<Peer extends object> {
  readonly #runtime: Pick<Runtime, 'now' | 'random'>;
  /** By the peer that brought the walk, and by the digest of the topic. */
  readonly #ofPeers = new Map<Peer, Map<string, Remembered>>();

  constructor(runtime: Pick<Runtime, 'now' | 'random'>) {
    this.#runtime = runtime;
  }

  add(digest: string, record: AddressRecord, from: Peer): void {
    const ofPeer = this.#ofPeers.get(from) ?? new Map<string, Remembered>();
    this.#ofPeers.set(from, ofPeer);
    ofPeer.delete(digest);
    ofPeer.set(digest, { record, untilMs: this.#runtime.now() + rememberedMs });
    if (ofPeer.size > maxOfPeer) ofPeer.delete(ofPeer.keys().next().value!);
  }

  /** One at random. */
  pick(digest: string): AddressRecord | undefined {
    const known = [...this.#ofPeers.values()].flatMap((ofPeer) => {
      const one = ofPeer.get(digest);
      return one !== undefined && one.untilMs > this.#runtime.now() ? one.record : [];
    });
    return known[Math.floor(this.#runtime.random('remembered keepers') * known.length)];
  }

  closed(peer: Peer): void {
    this.#ofPeers.delete(peer);
  }
}
