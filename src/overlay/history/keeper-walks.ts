import type { Runtime } from '../../base/runtime.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { type AddressRecord, readAddressRecord } from '../membership/address-record.ts';
import { maxWalkLinks, type OfKind } from './history-frames.ts';
import { RememberedKeepers } from './remembered-keepers.ts';

/** The rate of walks and answers from a neighbour, per second and in a burst. Further ones are ignored. */
const walks = { perSecond: 2, burst: 32 };

/** The most walks that begin together, each with another neighbour. */
const maxWalks = 5;

/** How long the answer to a walk may take, in milliseconds. */
const answerMs = 10_000;

/** The most answers to one walk that are followed. Any node that remembers a keeper answers, and it may be wrong. */
const maxAnswers = 3;

/** The callbacks of {@link KeeperWalks}. */
export interface KeeperWalksOptions<Peer> {
  readonly runtime: Runtime;
  /** Returns the neighbours that can be reached at this moment. */
  readonly neighbours: () => readonly Peer[];
  readonly send: (peer: Peer, frame: OfKind<'seek' | 'found' | 'keeping'>) => void;
  /** Whether this node keeps a topic. */
  readonly keeps: (digest: string) => boolean;
  /** This node's signed addresses. `undefined` if no other node can dial it. */
  readonly ownRecord: () => AddressRecord | undefined;
  /**
   * Called when a walk of this node has found a keeper. The signature of its record is not checked.
   *
   * @returns whether the keeper is useful.
   */
  readonly onFound: (digest: string, record: AddressRecord, from: Peer) => boolean;
}

/**
 * Finds keepers of a topic that are not neighbours. A walk goes from node to node at random until it reaches a keeper.
 * It records its path, and the answer returns along the same path. The path consists of numbers that each node gives to
 * its own neighbours, so they mean nothing to other nodes. A second kind of walk announces this node: the nodes on its
 * path remember this keeper, and answer for it. Among thousands of nodes, the walk of one keeper seldom reaches another
 * keeper, but the walks of both soon reach the same node.
 */
export class KeeperWalks<Peer extends object> {
  readonly #options: KeeperWalksOptions<Peer>;
  readonly #numbers = new Map<Peer, number>();
  readonly #rates = new Map<Peer, TokenBucket>();
  #nextNumber = 0;
  /** The current walk for each topic. */
  readonly #underWay = new Map<
    string,
    { readonly walk: number; readonly untilMs: number; answers: number }
  >();
  readonly #remembered: RememberedKeepers<Peer>;

  constructor(options: KeeperWalksOptions<Peer>) {
    this.#options = options;
    this.#remembered = new RememberedKeepers(options.runtime);
  }

  /** Begins walks, each with another neighbour. The first answers count. */
  seek(digest: string): void {
    const { runtime, send } = this.#options;
    const walk = new DataView(runtime.randomBytes(4, 'walks to keepers').slice().buffer).getUint32(0);
    this.#underWay.set(digest, { walk, untilMs: runtime.now() + answerMs, answers: 0 });
    for (const next of this.#options.neighbours().slice(0, maxWalks)) {
      send(next, { kind: 'seek', digest, walk, hopsLeft: maxWalkLinks - 1, way: [] });
    }
  }

  /** Tells random nodes that this node keeps a topic. */
  tell(digest: string): void {
    const { ownRecord, neighbours, send } = this.#options;
    const record = ownRecord()?.bytes;
    if (record === undefined) return;
    for (const next of neighbours().slice(0, maxWalks)) {
      send(next, { kind: 'keeping', digest, hopsLeft: maxWalkLinks - 1, record });
    }
  }

  /** @throws PeerloomError `ERR_PROTOCOL` if the frame does not contain a valid record. */
  tells(from: Peer, { digest, hopsLeft, record }: OfKind<'keeping'>): void {
    if (!this.#rateOf(from).take()) return;
    this.#remembered.add(digest, readAddressRecord(record), from);
    const next = hopsLeft === 0 ? undefined : this.#someNeighbour(from);
    if (next !== undefined) {
      this.#options.send(next, { kind: 'keeping', digest, hopsLeft: hopsLeft - 1, record });
    }
  }

  /** Stops looking for keepers of a topic. */
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
    // The walk continues, because the remembered node may be gone, or may never have kept the topic.
    const remembered = this.#remembered.pick(digest);
    if (remembered !== undefined) send(from, { kind: 'found', digest, walk, way, record: remembered.bytes });
    const next = this.#someNeighbour(from);
    if (next === undefined || hopsLeft === 0 || way.length >= maxWalkLinks) return;
    send(next, { kind: 'seek', digest, walk, hopsLeft: hopsLeft - 1, way: [...way, this.#numberOf(from)] });
  }

  /** @throws PeerloomError `ERR_PROTOCOL` if the frame does not contain a valid record. */
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
    const keeper = readAddressRecord(record);
    if (keeper.id === this.#options.ownRecord()?.id) return;
    if (this.#options.onFound(digest, keeper, from)) underWay.answers += 1;
    if (underWay.answers >= maxAnswers) this.#underWay.delete(digest);
  }

  closed(peer: Peer): void {
    this.#numbers.delete(peer);
    this.#rates.delete(peer);
    this.#remembered.closed(peer);
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
