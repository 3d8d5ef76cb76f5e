/**
 * What {@link Plumtree} has others do. None of these methods may call it back before the call that led to them has
 * returned.
 */
export interface PlumtreeEffects<Peer> {
  /** Send a broadcast to a peer. It reached this node over `hops` links. */
  push(peer: Peer, id: string, hops: number): void;
  /** Tell a peer that a broadcast is here. */
  announce(peer: Peer, id: string, hops: number): void;
  /** Ask a peer for a broadcast, or only (without `id`) to push what comes from now on. */
  graft(peer: Peer, id: string | undefined): void;
  /** Ask a peer to announce broadcasts in place of pushing them. */
  prune(peer: Peer): void;
  /** Call {@link Plumtree.timedOut} if a broadcast does not arrive in the time that it may take. */
  wait(id: string): void;
  /** What `wait` was called for has arrived, or is given up. */
  settled(id: string): void;
}

/** The links of a path that a shorter one must save, so that the tree changes: the paper's threshold. */
const threshold = 7;

/** The same where the shorter path is announced after the broadcast has arrived. The paper compares only before that. */
const lateThreshold = 5;

/** Broadcasts whose paths later announcements are compared with. */
const maxArrivals = 64;

/** Broadcasts that a peer may have announced and that have not arrived. What it announces beyond them is ignored. */
export const maxMissingPerPeer = 1_024;

/** A pruned peer that keeps pushing is pruned again after so many broadcasts, because some were already under way. */
const unwantedPerPrune = 16;

interface Neighbour {
  /** Whether broadcasts are pushed to it; otherwise they are announced. */
  isEager: boolean;
  /** The broadcasts that it has announced and that have not arrived. */
  readonly announced: Set<string>;
  /** What it pushed although it was asked not to. */
  unwanted: number;
  /** It may say that its path is shorter: again once it has pushed something first, since it may lie. */
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
  /** It offers a large broadcast, and would push it otherwise. */
  readonly isOffer: boolean;
}

/** A broadcast that was announced and has not arrived. */
interface Missing<Peer> {
  /** Peers that are there, in the order in which they announced it. */
  readonly announcers: Announcer<Peer>[];
  /** How many of them were asked, from the first on. The node waits for the last of these. */
  asked: number;
}

/**
 * How broadcasts travel: Plumtree (Leitão, Pereira, Rodrigues: Epidemic Broadcast Trees, SRDS 2007). Each peer is eager
 * or lazy. A broadcast is pushed to eager peers, and only announced to lazy ones. At first all are eager. A peer that
 * pushes what is here already becomes lazy, until the eager links make a tree. A broadcast that was announced and does
 * not arrive shows that the tree is broken: the node asks an announcer for it, and both are eager again.
 *
 * Large broadcasts are offered instead of pushed (see {@link Plumtree.offered}), and asked for at once.
 *
 * This is a state machine: what happens comes in as method calls, what is to be done goes out as effects. It has no
 * clock, and knows broadcasts only by their ids.
 */
export class Plumtree<Peer> {
  readonly #effects: PlumtreeEffects<Peer>;
  readonly #isKnown: (id: string) => boolean;
  readonly #neighbours = new Map<Peer, Neighbour>();
  readonly #missing = new Map<string, Missing<Peer>>();
  readonly #arrivals = new Map<string, Arrival<Peer>>();

  /** @param isKnown whether a broadcast has arrived here before. */
  constructor(effects: PlumtreeEffects<Peer>, isKnown: (id: string) => boolean) {
    this.#effects = effects;
    this.#isKnown = isKnown;
  }

  /** Announcements of broadcasts that have not arrived. */
  get announcementCount(): number {
    let count = 0;
    for (const { announced } of this.#neighbours.values()) count += announced.size;
    return count;
  }

  isEager(peer: Peer): boolean {
    return this.#neighbours.get(peer)?.isEager === true;
  }

  /** Whether a peer was asked for a broadcast that has not arrived. */
  wasAsked(peer: Peer, id: string): boolean {
    const missing = this.#missing.get(id);
    return missing?.announcers.slice(0, missing.asked).some((announcer) => announcer.peer === peer) === true;
  }

  /** A peer is there. */
  opened(peer: Peer): void {
    this.#neighbours.set(peer, { isEager: true, announced: new Set(), unwanted: 0, mayShorten: true });
  }

  /** A peer is gone. What it was asked for is asked of the next announcer, and given up if there is none. */
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

  /** A peer pushed what is here already. */
  repeated(from: Peer): void {
    const neighbour = this.#neighbours.get(from);
    if (neighbour === undefined) return;
    if (neighbour.isEager) this.#makeLazy(from);
    else if (++neighbour.unwanted % unwantedPerPrune === 0) this.#effects.prune(from);
  }

  /** A broadcast arrived that this node must not pass on, or that it has passed on long ago. */
  dropped(id: string): void {
    this.#settle(id);
  }

  /** A peer tells that it has a broadcast, which over this peer comes over `hops` links. */
  announced(from: Peer, id: string, hops: number): void {
    if (this.#isKnown(id)) {
      this.#shorten(from, id, hops);
      return;
    }
    const isNew = !this.#missing.has(id);
    if (this.#note(from, { id, hops, isOffer: false }) && isNew) this.#effects.wait(id);
  }

  /** A peer would push a broadcast, but asks first, because it is large. */
  offered(from: Peer, id: string, hops: number): void {
    if (this.#isKnown(id)) {
      this.#makeLazy(from);
      return;
    }
    const missing = this.#missing.get(id);
    const isUnderWay = missing !== undefined && missing.asked > 0;
    if (this.#note(from, { id, hops, isOffer: true }) && !isUnderWay) this.#ask(id);
  }

  /** A peer asks to be pushed what comes. */
  grafted(from: Peer): void {
    this.#become(from, 'eager');
  }

  /** A peer asks not to be pushed what comes. */
  pruned(from: Peer): void {
    this.#become(from, 'lazy');
  }

  /** What {@link PlumtreeEffects.wait} was called for has not arrived. */
  timedOut(id: string): void {
    this.#ask(id);
  }

  /** Stops waiting for a broadcast: it has arrived, is not wanted, or nobody has it. */
  #settle(id: string): void {
    const missing = this.#missing.get(id);
    if (missing === undefined) return;
    this.#missing.delete(id);
    for (const { peer } of missing.announcers) this.#neighbours.get(peer)!.announced.delete(id);
    this.#effects.settled(id);
  }

  /** @returns false for what the peer has announced before, and for more than it may announce. */
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

  /** Asks the next announcer, or gives up if all were asked. */
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

  /** @param have the peers that have the broadcast already. */
  #spread(id: string, hops: number, have: readonly Peer[]): void {
    for (const [peer, { isEager }] of this.#neighbours) {
      if (have.includes(peer)) continue;
      if (isEager) this.#effects.push(peer, id, hops);
      else this.#effects.announce(peer, id, hops);
    }
  }

  /** A broadcast that is here would have come over fewer links from another peer: the tree changes. */
  #shorten(peer: Peer, id: string, hops: number): void {
    const arrival = this.#arrivals.get(id);
    const neighbour = this.#neighbours.get(peer);
    if (arrival === undefined || neighbour === undefined || hops + lateThreshold > arrival.hops) return;
    if (neighbour.isEager || !neighbour.mayShorten || !this.isEager(arrival.from)) return;
    // The paths of the others were those of the tree as it was.
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
