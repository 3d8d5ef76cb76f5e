import { settledAfterMs } from './comparison.ts';
import type { Capacity, KeptBroadcasts } from './kept-broadcasts.ts';

/** How long after a broadcast arrives the node compares with other keepers, in milliseconds. */
const lookAfterMs = { from: 15_000, to: 45_000 };

/** How long after receiving missed broadcasts from one keeper the node compares with the others, in milliseconds. */
const newsAfterMs = { from: 500, to: 1_500 };

/** How long the keeper with the higher id waits for the other one to begin when they meet, in milliseconds. */
const letBeginMs = 2_000;

/** When a keeper that failed is tried again, in milliseconds. The time doubles with each failure in a row. */
const retryAfterMs = { first: 5_000, most: 600_000 };

/** When a keeper without a link is checked again, in milliseconds. */
const unreachableMs = 1_000;

/** What {@link Keepers} needs from its environment. */
export interface KeepersEffects<Peer> {
  /** Returns the time of a monotonic clock, in milliseconds. */
  now(): number;
  /** Returns a number of at least 0 and below 1. */
  random(): number;
  /** Whether the peer has a link at this moment. */
  isReachable(peer: Peer): boolean;
}

/** A peer that keeps the topic too. */
interface Keeper {
  /** Whether this node compared with the keeper at most once, at a time when the latest broadcasts were not settled. */
  isNew: boolean;
  capacity: Capacity;
  /** When to compare with the keeper. `Infinity` if only after something has arrived. */
  dueAtMs: number;
  /** Whether a program that waits until this node is idle should wait for this comparison. */
  isSoon: boolean;
  /**
   * The latest {@link KeptBroadcasts.version} at which both kept the same. `undefined` if they may differ in any case.
   */
  equalAt: number | undefined;
  /** Whether both have ever kept the same broadcasts. */
  wasEqual: boolean;
  failures: number;
  /** The ids of broadcasts that this node lacks, according to the peer. */
  offered: readonly string[];
}

/** When the node has something to do next. */
export interface NextTick {
  readonly atMs: number;
  /** Whether nothing is in progress and the node only checks from time to time. */
  readonly isWatching: boolean;
}

/** The other keepers of a topic. Decides when to catch up with which of them. A state machine without a clock. */
export class Keepers<Peer> {
  readonly #kept: KeptBroadcasts;
  readonly #effects: KeepersEffects<Peer>;
  readonly #keepers = new Map<Peer, Keeper>();
  /** When to check which keepers may differ from this node. */
  #lookAtMs = Number.POSITIVE_INFINITY;

  constructor(kept: KeptBroadcasts, effects: KeepersEffects<Peer>) {
    this.#kept = kept;
    this.#effects = effects;
  }

  /** The number of broadcasts that peers have offered and that this node has not asked for yet. */
  get offeredCount(): number {
    let count = 0;
    for (const { offered } of this.#keepers.values()) count += offered.length;
    return count;
  }

  /** @param beginsFirst whether this node begins if both learn of each other now. */
  add(peer: Peer, capacity: Capacity, beginsFirst: boolean): void {
    const keeper = this.#keepers.get(peer);
    if (keeper !== undefined) {
      keeper.capacity = capacity;
      return;
    }
    this.#keepers.set(peer, {
      isNew: true,
      capacity,
      dueAtMs: this.#effects.now() + (beginsFirst ? 0 : letBeginMs),
      isSoon: true,
      equalAt: undefined,
      wasEqual: false,
      failures: 0,
      offered: [],
    });
  }

  delete(peer: Peer): void {
    this.#keepers.delete(peer);
  }

  /** When to call again. `undefined` if there is nothing to do until another event. */
  get nextTick(): NextTick | undefined {
    let atMs = this.#lookAtMs;
    let isWatching = true;
    for (const [peer, { dueAtMs, isSoon }] of this.#keepers) {
      const isReachable = this.#effects.isReachable(peer);
      atMs = Math.min(atMs, isReachable ? dueAtMs : Math.max(dueAtMs, this.#effects.now() + unreachableMs));
      if (isReachable && isSoon && dueAtMs !== Number.POSITIVE_INFINITY) isWatching = false;
    }
    return atMs === Number.POSITIVE_INFINITY ? undefined : { atMs, isWatching };
  }

  /** If it is time, finds the keepers that may differ from this node, and makes them due now. */
  look(): void {
    const nowMs = this.#effects.now();
    if (nowMs < this.#lookAtMs) return;
    this.#lookAtMs = Number.POSITIVE_INFINITY;
    for (const keeper of this.#keepers.values()) {
      if (keeper.equalAt !== this.#kept.version) keeper.dueAtMs = Math.min(keeper.dueAtMs, nowMs);
    }
  }

  /** Returns the reachable keeper that has been due for longest. */
  mostOverdue(): Peer | undefined {
    const nowMs = this.#effects.now();
    let next: [Peer, Keeper] | undefined;
    for (const [peer, keeper] of this.#keepers) {
      if (keeper.dueAtMs > nowMs || !this.#effects.isReachable(peer)) continue;
      if (next === undefined || keeper.dueAtMs < next[1].dueAtMs) next = [peer, keeper];
    }
    return next?.[0];
  }

  /** Returns the capacity that this node and a peer share. A peer that is not a keeper does not limit it. */
  sharedCapacity(peer: Peer): Capacity {
    const { capacity } = this.#kept;
    const theirs = this.#keepers.get(peer)?.capacity ?? capacity;
    return {
      maxMessages: Math.min(capacity.maxMessages, theirs.maxMessages),
      maxBytes: Math.min(capacity.maxBytes, theirs.maxBytes),
    };
  }

  /** Whether this node and a keeper have ever kept the same broadcasts. */
  wereEqual(peer: Peer): boolean {
    return this.#keepers.get(peer)?.wasEqual === true;
  }

  /** A peer offers broadcasts that this node lacks. */
  offered(peer: Peer, ids: readonly string[]): void {
    const keeper = this.#keepers.get(peer);
    if (keeper === undefined) return;
    const room = this.#kept.capacity.maxMessages - this.offeredCount;
    const unknown = ids.filter((id) => !this.#kept.has(id)).slice(0, Math.max(0, room));
    if (unknown.length === 0) return;
    keeper.offered = [...keeper.offered, ...unknown];
    if (keeper.failures > 0) return;
    keeper.dueAtMs = Math.min(keeper.dueAtMs, this.#effects.now());
    keeper.isSoon = true;
  }

  /** Returns the ids that a keeper has offered, and forgets them. */
  takeOffered(peer: Peer): readonly string[] {
    const keeper = this.#keepers.get(peer)!;
    const { offered } = keeper;
    keeper.offered = [];
    return offered;
  }

  /** This node keeps something new. */
  changed(): void {
    if (this.#keepers.size > 0) this.#lookLater();
  }

  /** A keeper failed to send the broadcasts that this node asked for. */
  failed(peer: Peer): void {
    const keeper = this.#keepers.get(peer)!;
    keeper.isSoon = false;
    keeper.equalAt = undefined;
    keeper.dueAtMs =
      this.#effects.now() + Math.min(retryAfterMs.first * 2 ** keeper.failures, retryAfterMs.most);
    keeper.failures += 1;
  }

  /** Catching up with a keeper takes long, so other keepers get their turn. */
  setAside(peer: Peer): void {
    const keeper = this.#keepers.get(peer)!;
    keeper.isSoon = true;
    keeper.dueAtMs = this.#effects.now() + retryAfterMs.first;
  }

  /** This node has received what it lacked from a keeper. */
  caughtUp(peer: Peer): void {
    const keeper = this.#keepers.get(peer)!;
    keeper.isSoon = false;
    keeper.failures = 0;
    this.#rest(keeper);
    this.#lookLater();
  }

  /** A comparison begun by this node showed that both keep the same broadcasts up to a time. */
  foundEqual(peer: Peer, version: number, untilUs: number): void {
    const keeper = this.#keepers.get(peer)!;
    keeper.isSoon = false;
    keeper.failures = 0;
    this.#areEqual(keeper, version, untilUs);
  }

  /** A comparison begun by a peer showed that both keep the same broadcasts up to a time. */
  wasFoundEqual(peer: Peer, version: number, untilUs: number): void {
    const keeper = this.#keepers.get(peer);
    if (keeper !== undefined) this.#areEqual(keeper, version, untilUs);
  }

  /** The other keepers may lack broadcasts that this keeper had, so they are compared with soon. */
  spreadNews(from: Peer): void {
    for (const [peer, keeper] of this.#keepers) {
      if (peer === from || keeper.failures > 0) continue;
      keeper.dueAtMs = Math.min(keeper.dueAtMs, this.#effects.now() + this.#between(newsAfterMs));
      keeper.isSoon = true;
    }
  }

  #areEqual(keeper: Keeper, version: number, untilUs: number): void {
    keeper.wasEqual = true;
    this.#rest(keeper);
    if (this.#kept.latestUs <= untilUs) keeper.equalAt = version;
    else this.#lookLater();
  }

  /** Marks a keeper as having nothing to do until something arrives. */
  #rest(keeper: Keeper): void {
    const nowMs = this.#effects.now();
    keeper.dueAtMs = Number.POSITIVE_INFINITY;
    if (keeper.offered.length > 0) {
      keeper.dueAtMs = nowMs;
    } else if (keeper.isNew) {
      keeper.isNew = false;
      keeper.isSoon = true;
      keeper.dueAtMs = nowMs + settledAfterMs * 1.2;
    }
  }

  #lookLater(): void {
    if (this.#lookAtMs !== Number.POSITIVE_INFINITY) return;
    this.#lookAtMs = this.#effects.now() + this.#between(lookAfterMs);
  }

  #between({ from, to }: { readonly from: number; readonly to: number }): number {
    return from + (to - from) * this.#effects.random();
  }
}
