/**
 * The effects of {@link Plumtree}. None of these methods may call it back before the call that led to them has
 * returned.
 */
export interface PlumtreeEffects<Peer> {
  /** Sends a broadcast to a peer. It reached this node over `hops` links. */
  push(peer: Peer, id: string, hops: number): void;
  /** Announces to a peer that this node has a broadcast. */
  announce(peer: Peer, id: string, hops: number): void;
  /** Asks a peer for a broadcast and to push future ones. Without `id`, asks only to push future broadcasts. */
  graft(peer: Peer, id: string | undefined): void;
  /** Asks a peer to announce broadcasts instead of pushing them. */
  prune(peer: Peer): void;
  /** Starts a timer that calls {@link Plumtree.timedOut} if a broadcast does not arrive in time. */
  wait(id: string): void;
  /** Ends the timer of `wait`: the broadcast has arrived, or is given up. */
  settled(id: string): void;
}

/** How many links a shorter path must save before the tree changes: the paper's threshold. */
const threshold = 7;

/** The same threshold if the shorter path is announced after the broadcast arrived. The paper compares only before. */
const lateThreshold = 5;

/** The most arrived broadcasts whose paths are compared with later announcements. */
const maxArrivals = 64;

/** The most broadcasts that a peer may have announced before they arrive. Further announcements are ignored. */
export const maxMissingPerPeer = 1_024;

/**
 * A pruned peer that keeps pushing is pruned again after this many broadcasts. The first few may have been sent before
 * the prune arrived.
 */
const unwantedPerPrune = 16;

interface Neighbour {
  /** Whether broadcasts are pushed to the peer. If not, they are announced to it. */
  isEager: boolean;
  /** The broadcasts that the peer has announced and that have not arrived. */
  readonly announced: Set<string>;
  /** The number of broadcasts that the peer pushed although this node had pruned it. */
  unwanted: number;
  /**
   * Whether the peer's announcement of a shorter path may change the tree. Since the peer may lie, it may do so again
   * only after it was the first to push a broadcast.
   */
  mayShorten: boolean;
}

/** How a broadcast arrived. */
interface Arrival<Peer> {
  readonly from: Peer;
  readonly hops: number;
}

interface Announcer<Peer> {
  readonly peer: Peer;
  readonly hops: number;
  /** Whether the peer offers a large broadcast, which it would push if it were small. */
  readonly isOffer: boolean;
}

/** A broadcast that was announced and has not arrived. */
interface Missing<Peer> {
  /** The connected peers that announced it, in the order of their announcements. */
  readonly announcers: Announcer<Peer>[];
  /** How many announcers were asked, starting with the first. The node waits for the last one asked. */
  asked: number;
}

/**
 * How broadcasts travel: Plumtree (Leitão, Pereira, Rodrigues: Epidemic Broadcast Trees, SRDS 2007). Each peer is eager
 * or lazy. A broadcast is pushed to eager peers, and only announced to lazy peers. At first all peers are eager. A peer
 * that pushes a known broadcast becomes lazy, until the eager links form a tree. If an announced broadcast does not
 * arrive, the tree is broken: the node asks an announcer for the broadcast, and the two become eager again.
 *
 * Large broadcasts are offered instead of pushed (see {@link Plumtree.offered}). The receiver asks for them
 * immediately.
 *
 * This is a state machine. Its methods are called for each event, and it acts through its effects. It has no clock, and
 * knows broadcasts only by their ids.
 */
export class Plumtree<Peer> {
  readonly #effects: PlumtreeEffects<Peer>;
  readonly #isKnown: (id: string) => boolean;
  readonly #neighbours = new Map<Peer, Neighbour>();
  readonly #missing = new Map<string, Missing<Peer>>();
  readonly #arrivals = new Map<string, Arrival<Peer>>();

  /** @param isKnown whether a broadcast has arrived at this node before. */
  constructor(effects: PlumtreeEffects<Peer>, isKnown: (id: string) => boolean) {
    this.#effects = effects;
    this.#isKnown = isKnown;
  }

  /** The number of announcements of broadcasts that have not arrived. */
  get announcementCount(): number {
    let count = 0;
    for (const { announced } of this.#neighbours.values()) count += announced.size;
    return count;
  }

  isEager(peer: Peer): boolean {
    return this.#neighbours.get(peer)?.isEager === true;
  }

  /** Whether this node has asked a peer for a broadcast that has not arrived. */
  wasAsked(peer: Peer, id: string): boolean {
    const missing = this.#missing.get(id);
    return missing?.announcers.slice(0, missing.asked).some((announcer) => announcer.peer === peer) === true;
  }

  /** A peer has connected. */
  opened(peer: Peer): void {
    this.#neighbours.set(peer, { isEager: true, announced: new Set(), unwanted: 0, mayShorten: true });
  }

  /**
   * A peer has gone. Broadcasts that it was asked for are requested from the next announcer, or given up without one.
   */
  closed(peer: Peer): void {
    const announced = this.#neighbours.get(peer)?.announced ?? [];
    this.#neighbours.delete(peer);
    for (const [id, { from }] of this.#arrivals) if (from === peer) this.#arrivals.delete(id);
    for (const id of announced) {
      const missing = this.#missing.get(id)!;
      const at = missing.announcers.findIndex((announcer) => announcer.peer === peer);
      missing.announcers.splice(at, 1);
      const wasAskedLast = at === missing.asked - 1;
      if (at < missing.asked) missing.asked -= 1;
      if (wasAskedLast || missing.announcers.length === 0) this.#ask(id);
    }
  }

  /** This node is the origin of a broadcast. */
  originated(id: string): void {
    this.#spread(id, 0, []);
  }

  /** A broadcast arrived for the first time, over `hops` links from its origin. */
  arrived(from: Peer, id: string, hops: number): void {
    const announcers = this.#missing.get(id)?.announcers ?? [];
    const neighbour = this.#neighbours.get(from);
    if (neighbour !== undefined && !this.wasAsked(from, id)) neighbour.mayShorten = true;
    this.#settle(id);
    const shorter = announcers.find(
      ({ peer, ...announced }) => peer !== from && announced.hops + threshold <= hops,
    );
    this.#become(from, 'eager');
    for (const { peer, isOffer } of announcers) if (isOffer && peer !== from) this.#makeLazy(peer);
    if (shorter !== undefined) {
      this.#effects.graft(shorter.peer, undefined);
      this.#become(shorter.peer, 'eager');
      this.#makeLazy(from);
    }
    this.#spread(id, hops, [from, ...announcers.map(({ peer }) => peer)]);
    this.#arrivals.set(id, { from, hops });
    if (this.#arrivals.size > maxArrivals) this.#arrivals.delete(this.#arrivals.keys().next().value!);
  }

  /** A peer pushed a broadcast that had already arrived. */
  repeated(from: Peer): void {
    const neighbour = this.#neighbours.get(from);
    if (neighbour === undefined) return;
    if (neighbour.isEager) this.#makeLazy(from);
    else if (++neighbour.unwanted % unwantedPerPrune === 0) this.#effects.prune(from);
  }

  /** A broadcast arrived that this node must not pass on, or that it passed on long ago. */
  dropped(id: string): void {
    this.#settle(id);
  }

  /** A peer announces a broadcast. Through this peer, it would come over `hops` links. */
  announced(from: Peer, id: string, hops: number): void {
    if (this.#isKnown(id)) {
      this.#shorten(from, id, hops);
      return;
    }
    const isNew = !this.#missing.has(id);
    if (this.#note(from, { id, hops, isOffer: false }) && isNew) this.#effects.wait(id);
  }

  /** A peer offers a broadcast instead of pushing it, because it is large. */
  offered(from: Peer, id: string, hops: number): void {
    if (this.#isKnown(id)) {
      this.#makeLazy(from);
      return;
    }
    const missing = this.#missing.get(id);
    const isUnderWay = missing !== undefined && missing.asked > 0;
    if (this.#note(from, { id, hops, isOffer: true }) && !isUnderWay) this.#ask(id);
  }

  /** A peer asks this node to push future broadcasts. */
  grafted(from: Peer): void {
    this.#become(from, 'eager');
  }

  /** A peer asks this node not to push future broadcasts. */
  pruned(from: Peer): void {
    this.#become(from, 'lazy');
  }

  /** A broadcast has not arrived within the time of {@link PlumtreeEffects.wait}. */
  timedOut(id: string): void {
    this.#ask(id);
  }

  /** Stops waiting for a broadcast: it has arrived, is not wanted, or no announcer is left. */
  #settle(id: string): void {
    const missing = this.#missing.get(id);
    if (missing === undefined) return;
    this.#missing.delete(id);
    for (const { peer } of missing.announcers) this.#neighbours.get(peer)!.announced.delete(id);
    this.#effects.settled(id);
  }

  /** @returns false if the peer has announced the broadcast before, or has announced too many. */
  #note(peer: Peer, { id, hops, isOffer }: { id: string; hops: number; isOffer: boolean }): boolean {
    const neighbour = this.#neighbours.get(peer);
    if (neighbour === undefined || neighbour.announced.size >= maxMissingPerPeer) return false;
    if (neighbour.announced.has(id)) return false;
    neighbour.announced.add(id);
    const announcers = this.#missing.get(id)?.announcers ?? [];
    announcers.push({ peer, hops, isOffer });
    if (announcers.length === 1) this.#missing.set(id, { announcers, asked: 0 });
    return true;
  }

  /** Asks the next announcer, or gives up if all have been asked. */
  #ask(id: string): void {
    const missing = this.#missing.get(id);
    const next = missing?.announcers[missing.asked];
    if (missing === undefined || next === undefined) {
      this.#settle(id);
      return;
    }
    missing.asked += 1;
    this.#become(next.peer, 'eager');
    this.#effects.graft(next.peer, id);
    this.#effects.wait(id);
  }

  /** Pushes a broadcast to eager peers and announces it to lazy ones. @param have the peers that already have it. */
  #spread(id: string, hops: number, have: readonly Peer[]): void {
    for (const [peer, { isEager }] of this.#neighbours) {
      if (have.includes(peer)) continue;
      if (isEager) this.#effects.push(peer, id, hops);
      else this.#effects.announce(peer, id, hops);
    }
  }

  /** Changes the tree, because a broadcast that has arrived would have come over fewer links from another peer. */
  #shorten(peer: Peer, id: string, hops: number): void {
    const arrival = this.#arrivals.get(id);
    const neighbour = this.#neighbours.get(peer);
    if (arrival === undefined || neighbour === undefined || hops + lateThreshold > arrival.hops) return;
    if (neighbour.isEager || !neighbour.mayShorten || !this.isEager(arrival.from)) return;
    // The paths of the other broadcasts belong to the tree before this change.
    this.#arrivals.clear();
    neighbour.mayShorten = false;
    neighbour.isEager = true;
    this.#effects.graft(peer, undefined);
    this.#makeLazy(arrival.from);
  }

  #makeLazy(peer: Peer): void {
    if (!this.isEager(peer)) return;
    this.#become(peer, 'lazy');
    this.#effects.prune(peer);
  }

  #become(peer: Peer, how: 'eager' | 'lazy'): void {
    const neighbour = this.#neighbours.get(peer);
    if (neighbour !== undefined) neighbour.isEager = how === 'eager';
  }
}
