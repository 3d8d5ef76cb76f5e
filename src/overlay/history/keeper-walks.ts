import type { Runtime } from '../../base/runtime.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { type AddressRecord, readAddressRecord } from '../membership/address-record.ts';
import { maxWalkLinks, type OfKind } from './history-frames.ts';

/** Walks and answers that a neighbour may bring in a second, in the long run, and at once. Further ones are ignored. */
const walks = { perSecond: 2, burst: 32 };

/** Walks that begin at once, each with another neighbour. */
const maxWalks = 5;

/** How long the answer to a walk may take, in milliseconds. */
const answerMs = 10_000;

/** What {@link KeeperWalks} has others do. */
export interface KeeperWalksOptions<Peer> {
  readonly runtime: Runtime;
  /** The neighbours that can be reached at this moment. */
  readonly neighbours: () => readonly Peer[];
  readonly send: (peer: Peer, frame: OfKind<'seek' | 'found'>) => void;
  /** Whether this node keeps a topic. */
  readonly keeps: (digest: string) => boolean;
  /** Where this node can be dialled, signed; undefined: nobody can dial it. */
  readonly ownRecord: () => AddressRecord | undefined;
  /** A walk of this node has found a keeper. The signature of its record is not checked. */
  readonly onFound: (digest: string, record: AddressRecord, from: Peer) => void;
}

/**
 * Finds other keepers of a topic beyond the neighbours: a walk goes from node to node at random until it meets one. It
 * remembers its way, and the answer goes back the same way, so the nodes between keep nothing. Only this node gives its
 * numbers to its neighbours, and they mean nothing to others.
 */
export class KeeperWalks<Peer extends object> {
  readonly #options: KeeperWalksOptions<Peer>;
  readonly #numbers = new Map<Peer, number>();
  readonly #rates = new Map<Peer, TokenBucket>();
  #nextNumber = 0;
  /** The walk that is under way for a topic. */
  readonly #underWay = new Map<string, { readonly walk: number; readonly untilMs: number }>();

  constructor(options: KeeperWalksOptions<Peer>) {
    this.#options = options;
  }

  /** Sends walks on their way, each to another neighbour. The first answer counts. */
  seek(digest: string): void {
    const { runtime, send } = this.#options;
    const walk = new DataView(runtime.randomBytes(4, 'walks to keepers').slice().buffer).getUint32(0);
    this.#underWay.set(digest, { walk, untilMs: runtime.now() + answerMs });
    for (const next of this.#options.neighbours().slice(0, maxWalks)) {
      send(next, { kind: 'seek', digest, walk, hopsLeft: maxWalkLinks - 1, way: [] });
    }
  }

  /** A topic is not looked for any more. */
  forget(digest: string): void {
    this.#underWay.delete(digest);
  }

  seeks(from: Peer, { digest, walk, hopsLeft, way }: OfKind<'seek'>): void {
    if (!this.#rateOf(from).take()) return;
    const { keeps, ownRecord, send } = this.#options;
    const record = keeps(digest) ? ownRecord() : undefined;
    if (record !== undefined) {
      send(from, { kind: 'found', digest, walk, way, record: record.bytes });
      return;
    }
    const next = this.#someNeighbour(from);
    if (next === undefined || hopsLeft === 0 || way.length >= maxWalkLinks) return;
    send(next, { kind: 'seek', digest, walk, hopsLeft: hopsLeft - 1, way: [...way, this.#numberOf(from)] });
  }

  /** @throws PeerloomError `ERR_PROTOCOL` for anything that is not a record. */
  found(from: Peer, frame: OfKind<'found'>): void {
    if (!this.#rateOf(from).take()) return;
    const { digest, walk, way, record } = frame;
    const last = way.at(-1);
    if (last !== undefined) {
      const back = [...this.#numbers].find(([, number]) => number === last)?.[0];
      if (back !== undefined) this.#options.send(back, { ...frame, way: way.slice(0, -1) });
      return;
    }
    const underWay = this.#underWay.get(digest);
    if (underWay?.walk !== walk || this.#options.runtime.now() > underWay.untilMs) return;
    this.#underWay.delete(digest);
    this.#options.onFound(digest, readAddressRecord(record), from);
  }

  closed(peer: Peer): void {
    this.#numbers.delete(peer);
    this.#rates.delete(peer);
  }

  #someNeighbour(but: Peer): Peer | undefined {
    const { neighbours, runtime } = this.#options;
    const others = neighbours().filter((peer) => peer !== but);
    return others[Math.floor(runtime.random('walks to keepers') * others.length)];
  }

  #numberOf(peer: Peer): number {
    let number = this.#numbers.get(peer);
    if (number === undefined) {
      number = this.#nextNumber;
      this.#nextNumber = (this.#nextNumber + 1) % 2 ** 32;
      this.#numbers.set(peer, number);
    }
    return number;
  }

  #rateOf(peer: Peer): TokenBucket {
    let rate = this.#rates.get(peer);
    if (rate === undefined) {
      rate = new TokenBucket(walks, this.#options.runtime);
      this.#rates.set(peer, rate);
    }
    return rate;
  }
}
