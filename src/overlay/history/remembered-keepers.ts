import type { Runtime } from '../../base/runtime.ts';
import type { AddressRecord } from '../membership/address-record.ts';

/** How long a node remembers a keeper that a walk announced, in milliseconds. */
const rememberedMs = 600_000;

/**
 * The most topics per peer for which a node remembers a keeper, one for each. If there are more, the earliest is
 * evicted.
 */
const maxOfPeer = 16;

interface Remembered {
  readonly record: AddressRecord;
  readonly untilMs: number;
}

/**
 * Remembers keepers of topics that this node does not keep itself, as announced by walks. Each peer has its own places,
 * so a lying peer can evict only its own lies.
 */
export class RememberedKeepers<Peer extends object> {
  readonly #runtime: Pick<Runtime, 'now' | 'random'>;
  /** The remembered keepers, by the peer that delivered the walk and by the digest of the topic. */
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

  /** Returns a random keeper of a topic. */
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
