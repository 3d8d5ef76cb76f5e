import type { Broadcast } from '../broadcast.ts';
import { Comparison } from './comparison.ts';
import { Fetching } from './fetching.ts';
import { type HistoryFrame, maxIds, maxReconciliationBytes, type OfKind } from './history-frames.ts';
import type { Capacity, KeptBroadcasts } from './kept-broadcasts.ts';
import { Negentropy } from './negentropy/negentropy.ts';

/** Broadcasts younger than this may still be under way: they are not compared. In milliseconds. */
const settledAfterMs = 5_000;

/** So long after a broadcast came, the node looks whether other keepers have the same. In milliseconds. */
const lookAfterMs = { from: 15_000, to: 45_000 };

/** After news from one keeper the others are compared with, so soon. In milliseconds. */
const newsAfterMs = { from: 500, to: 1_500 };

/** Of two keepers that meet, the one with the higher id lets the other one begin, for so long. In milliseconds. */
const letBeginMs = 2_000;

/** A run ends when its keeper has said nothing for so long. In milliseconds. */
const silenceMs = 15_000;

/** A run that takes longer is set aside, so that other keepers get their turn. In milliseconds. */
const longestRunMs = 60_000;

/** A keeper that fails is tried again after this time, twice as long with each failure in a row. In milliseconds. */
const retryAfterMs = { first: 5_000, most: 600_000 };

/** A keeper without a link is looked at again after so long. In milliseconds. */
const unreachableMs = 1_000;

/** How far the time of a broadcast may lie ahead of this node's clock, in milliseconds: as for live ones. */
const maxAheadMs = 120_000;

/** What arrives is kept when it has so many bytes, or when the peer has sent all that was asked for. */
const batchBytes = 512 * 1024;

/** What {@link TopicHistory} has others do. None of these methods may call it back before it has returned. */
export interface TopicHistoryEffects<Peer> {
  /** Milliseconds, of a clock that never goes back. */
  now(): number;
  /** Milliseconds since 1970. */
  wallNow(): number;
  /** At least 0 and below 1. */
  random(): number;
  /** @returns false if the frame could not be sent. */
  send(peer: Peer, frame: HistoryFrame): boolean;
  /** Whether the peer has a link at this moment. */
  isReachable(peer: Peer): boolean;
  /** Broadcasts that a peer had are kept from now on: the earliest first. */
  caughtUp(peer: Peer, broadcasts: readonly Broadcast[]): void;
}

/** A peer that keeps the topic too. */
interface Keeper {
  /** It was compared with once at most: the latest broadcasts were not settled then. */
  isNew: boolean;
  capacity: Capacity;
  /** When to compare with it; `Infinity`: when something has come. */
  dueAtMs: number;
  /** Whether a program that waits for this node to be done should wait for that. */
  isSoon: boolean;
  /** The latest version of this node's at which both kept the same; undefined: they may differ in any case. */
  equalAt: number | undefined;
  /** Whether both kept the same at some time. */
  wasEqual: boolean;
  failures: number;
  /** What the peer says that this node lacks. */
  offered: readonly string[];
}

/** Catching up with one keeper. */
interface Run<Peer> {
  readonly peer: Peer;
  readonly number: number;
  /** Of what this node keeps, as it was at the beginning. */
  readonly version: number;
  readonly beganAtMs: number;
  /** Undefined for a run that fetches what was offered. */
  readonly comparison: Comparison | undefined;
  wasRefused: boolean;
  fetching: Fetching | undefined;
  arrived: Broadcast[];
  arrivedBytes: number;
  broughtCount: number;
  /** The peer has listed what it does not keep, or does not send. */
  hasLied: boolean;
  heardAtMs: number;
}

/** When {@link TopicHistory.tick} is to be called. */
export interface NextTick {
  readonly atMs: number;
  /** Nothing is under way: the node only looks now and then. */
  readonly isWatching: boolean;
}

/**
 * The history of one topic, and how it catches up with other keepers: with one at a time. A node receives only what it
 * has asked for, so no peer decides how much that is.
 *
 * This is a state machine without a clock: what happens comes in as method calls, and what is to be done goes out as
 * effects.
 */
export class TopicHistory<Peer> {
  readonly digest: string;
  readonly kept: KeptBroadcasts;
  readonly #effects: TopicHistoryEffects<Peer>;
  readonly #keepers = new Map<Peer, Keeper>();
  #run: Run<Peer> | undefined;
  #runCount = 0;
  /** When to look which keepers may differ from this node. */
  #lookAtMs = Number.POSITIVE_INFINITY;

  constructor(digest: string, kept: KeptBroadcasts, effects: TopicHistoryEffects<Peer>) {
    this.digest = digest;
    this.kept = kept;
    this.#effects = effects;
  }

  /** Broadcasts that peers have offered and that were not asked for yet. */
  get offeredCount(): number {
    let count = 0;
    for (const { offered } of this.#keepers.values()) count += offered.length;
    return count;
  }

  /**
   * A peer keeps the topic too.
   *
   * @param beginsFirst whether this node is the one that begins, if both learn of each other now.
   */
  keeps(peer: Peer, capacity: Capacity, beginsFirst: boolean): void {
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

  /** A peer has gone, or does not keep the topic any more. */
  left(peer: Peer): void {
    this.#keepers.delete(peer);
    if (this.#run?.peer === peer) this.#run = undefined;
  }

  /**
   * Keeps a broadcast that arrived live, or that this node sends.
   *
   * @throws what the store does.
   */
  add(broadcast: Broadcast): void {
    if (this.kept.add(broadcast) && this.#keepers.size > 0) this.#look();
  }

  /** Undefined: there is nothing to do until something happens. */
  get nextTick(): NextTick | undefined {
    if (this.#run !== undefined) return { atMs: this.#run.heardAtMs + silenceMs, isWatching: false };
    let atMs = this.#lookAtMs;
    let isWatching = true;
    for (const [peer, { dueAtMs, isSoon }] of this.#keepers) {
      const isReachable = this.#effects.isReachable(peer);
      atMs = Math.min(atMs, isReachable ? dueAtMs : Math.max(dueAtMs, this.#effects.now() + unreachableMs));
      if (isReachable && isSoon && dueAtMs !== Number.POSITIVE_INFINITY) isWatching = false;
    }
    return atMs === Number.POSITIVE_INFINITY ? undefined : { atMs, isWatching };
  }

  /** Does what is due. @throws what the store does. */
  tick(): void {
    const nowMs = this.#effects.now();
    this.kept.expire();
    if (this.#run !== undefined && nowMs >= this.#run.heardAtMs + silenceMs) this.#finish('failed');
    if (nowMs >= this.#lookAtMs) {
      this.#lookAtMs = Number.POSITIVE_INFINITY;
      for (const keeper of this.#keepers.values()) {
        if (keeper.equalAt !== this.kept.version) keeper.dueAtMs = Math.min(keeper.dueAtMs, nowMs);
      }
    }
    if (this.#run === undefined) this.#begin();
  }

  /** A peer compares what it keeps with what this node does. @throws PeerloomError `ERR_PROTOCOL`. */
  compare(peer: Peer, frame: OfKind<'compare'>): OfKind<'answer' | 'refuse'> {
    const { run, digest, floorUs, untilUs } = frame;
    const keeper = this.#keepers.get(peer);
    const ownFloorUs = this.kept.floorUsWithin(this.#shared(keeper));
    if (frame.isFirst && ownFloorUs > floorUs) return { kind: 'refuse', digest, run, floorUs: ownFloorUs };
    const { items, from, to } = this.kept.between(floorUs, untilUs);
    const side = new Negentropy(items, { from, to, maxMessageBytes: maxReconciliationBytes });
    const message = side.answer(frame.message);
    const hasNothingToSay = message.length === 1;
    if (frame.isFirst && hasNothingToSay && keeper !== undefined)
      this.#areEqual(keeper, this.kept.version, untilUs);
    return { kind: 'answer', digest, run, message };
  }

  /** The peer's floor is higher. @throws what the store does. */
  refused(peer: Peer, { run: number, floorUs }: OfKind<'refuse'>): void {
    const run = this.#runWith(peer, number);
    if (run?.comparison === undefined || run.fetching !== undefined) return;
    if (run.wasRefused) {
      this.#finish('failed');
      return;
    }
    run.wasRefused = true;
    run.comparison.raiseFloor(floorUs);
    this.#ask(run, run.comparison);
  }

  /** @throws PeerloomError `ERR_PROTOCOL`, or what the store does. */
  answered(peer: Peer, { run: number, message }: OfKind<'answer'>): void {
    const run = this.#runWith(peer, number);
    if (run?.comparison?.message === undefined || run.fetching !== undefined) return;
    run.comparison.answered(message);
    this.#ask(run, run.comparison);
  }

  /** A peer says what this node lacks. */
  offered(peer: Peer, ids: readonly string[]): void {
    const keeper = this.#keepers.get(peer);
    if (keeper === undefined) return;
    const room = this.kept.capacity.maxMessages - this.offeredCount;
    const unknown = ids.filter((id) => !this.kept.has(id)).slice(0, Math.max(0, room));
    if (unknown.length === 0) return;
    keeper.offered = [...keeper.offered, ...unknown];
    if (keeper.failures > 0) return;
    keeper.dueAtMs = Math.min(keeper.dueAtMs, this.#effects.now());
    keeper.isSoon = true;
  }

  /** Whether a broadcast with this id was asked of the peer. If so, {@link TopicHistory.arrived} must follow. */
  takes(peer: Peer, id: string): boolean {
    return this.#run?.peer === peer && this.#run.fetching?.takes(id) === true;
  }

  /** A broadcast that was asked for, and that its origin has signed. @throws what the store does. */
  arrived(broadcast: Broadcast): void {
    const run = this.#run!;
    const { comparison } = run;
    const { timeUs } = broadcast;
    run.heardAtMs = this.#effects.now();
    if (comparison !== undefined && (timeUs <= comparison.floorUs || timeUs > comparison.untilUs)) {
      run.hasLied = true;
      return;
    }
    if (timeUs > (this.#effects.wallNow() + maxAheadMs) * 1_000) return;
    run.arrived.push(broadcast);
    run.arrivedBytes += broadcast.bytes.length;
    if (run.arrivedBytes > batchBytes) this.#keepArrived(run);
  }

  /** The peer has sent what it has of the first `count` that it was asked for. @throws what the store does. */
  fetched(peer: Peer, { run: number, count }: OfKind<'fetched'>): void {
    const run = this.#runWith(peer, number);
    if (run?.fetching === undefined) return;
    this.#keepArrived(run);
    if (!run.fetching.answered(count)) this.#finish('failed');
    else if (this.#isTooLong(run)) this.#finish('set aside');
    else this.#fetch(run, run.fetching);
  }

  #runWith(peer: Peer, number: number): Run<Peer> | undefined {
    const run = this.#run;
    if (run?.peer !== peer || run.number !== number) return undefined;
    run.heardAtMs = this.#effects.now();
    return run;
  }

  /** What both sides have room for. */
  #shared(keeper: Keeper | undefined): Capacity {
    const { capacity } = this.kept;
    if (keeper === undefined) return capacity;
    return {
      maxMessages: Math.min(capacity.maxMessages, keeper.capacity.maxMessages),
      maxBytes: Math.min(capacity.maxBytes, keeper.capacity.maxBytes),
    };
  }

  #begin(): void {
    const nowMs = this.#effects.now();
    let next: [Peer, Keeper] | undefined;
    for (const [peer, keeper] of this.#keepers) {
      if (keeper.dueAtMs > nowMs || !this.#effects.isReachable(peer)) continue;
      if (next === undefined || keeper.dueAtMs < next[1].dueAtMs) next = [peer, keeper];
    }
    if (next === undefined) return;
    if (next[1].offered.length > 0) this.#beginToFetch(...next);
    else this.#beginToCompare(...next);
  }

  #beginToFetch(peer: Peer, keeper: Keeper): void {
    const fetching = new Fetching(this.kept, keeper.offered);
    keeper.offered = [];
    this.#fetch(this.#open(peer, undefined), fetching);
  }

  #beginToCompare(peer: Peer, keeper: Keeper): void {
    const comparison = new Comparison(this.kept, {
      floorUs: this.kept.floorUsWithin(this.#shared(keeper)),
      untilUs: Math.max(0, Math.trunc((this.#effects.wallNow() - settledAfterMs) * 1_000)),
      expectsNone: keeper.wasEqual,
    });
    const run = this.#open(peer, comparison);
    const { floorUs, untilUs, message } = comparison;
    const frame = { kind: 'compare', digest: this.digest, run: run.number, floorUs, untilUs } as const;
    if (!this.#effects.send(peer, { ...frame, isFirst: true, message: message! })) this.#finish('failed');
  }

  #open(peer: Peer, comparison: Comparison | undefined): Run<Peer> {
    this.#runCount = (this.#runCount + 1) % 2 ** 32;
    this.#run = {
      peer,
      number: this.#runCount,
      version: this.kept.version,
      beganAtMs: this.#effects.now(),
      comparison,
      wasRefused: false,
      fetching: undefined,
      arrived: [],
      arrivedBytes: 0,
      broughtCount: 0,
      hasLied: false,
      heardAtMs: this.#effects.now(),
    };
    return this.#run;
  }

  /** Goes on with a comparison, or acts on what it has found. */
  #ask(run: Run<Peer>, comparison: Comparison): void {
    const { message, floorUs, untilUs, have, need } = comparison;
    const { digest } = this;
    if (this.#isTooLong(run)) {
      this.#finish('set aside');
      return;
    }
    if (message !== undefined) {
      const frame = { kind: 'compare', digest, run: run.number, isFirst: false } as const;
      if (!this.#effects.send(run.peer, { ...frame, floorUs, untilUs, message })) this.#finish('failed');
      return;
    }
    for (let at = 0; at < have.length; at += maxIds) {
      this.#effects.send(run.peer, { kind: 'offer', digest, ids: have.slice(at, at + maxIds) });
    }
    this.#fetch(run, new Fetching(this.kept, need));
  }

  #fetch(run: Run<Peer>, fetching: Fetching): void {
    run.fetching = fetching;
    const ids = fetching.next();
    if (ids.length === 0) {
      const hasNothingOfIt = (run.comparison?.need.length ?? 0) > 0 && run.broughtCount === 0;
      const isFailure = hasNothingOfIt || run.hasLied || run.comparison?.isGivenUp === true;
      this.#finish(isFailure ? 'failed' : 'done');
      return;
    }
    const frame = { kind: 'fetch', digest: this.digest, run: run.number, ids } as const;
    if (!this.#effects.send(run.peer, frame)) this.#finish('failed');
  }

  #isTooLong({ beganAtMs }: Run<Peer>): boolean {
    return this.#effects.now() - beganAtMs > longestRunMs;
  }

  #keepArrived(run: Run<Peer>): void {
    const arrived = run.arrived.sort((one, other) => one.timeUs - other.timeUs);
    run.arrived = [];
    run.arrivedBytes = 0;
    const kept = arrived.filter((broadcast) => this.kept.add(broadcast));
    run.broughtCount += kept.length;
    if (kept.length > 0) this.#effects.caughtUp(run.peer, kept);
  }

  #finish(how: 'done' | 'set aside' | 'failed'): void {
    const run = this.#run!;
    this.#run = undefined;
    const keeper = this.#keepers.get(run.peer)!;
    const nowMs = this.#effects.now();
    keeper.isSoon = false;
    if (how === 'failed') {
      keeper.equalAt = undefined;
      keeper.dueAtMs = nowMs + Math.min(retryAfterMs.first * 2 ** keeper.failures, retryAfterMs.most);
      keeper.failures += 1;
    } else if (how === 'set aside') {
      keeper.dueAtMs = nowMs + retryAfterMs.first;
      keeper.isSoon = true;
    } else {
      keeper.failures = 0;
      if (run.comparison?.isEqual === true) {
        this.#areEqual(keeper, run.version, run.comparison.untilUs);
      } else {
        this.#rest(keeper);
        this.#look();
      }
    }
    if (run.broughtCount > 0) this.#spreadNews(run.peer);
    this.#begin();
  }

  /** Up to a time this node and a keeper kept the same. */
  #areEqual(keeper: Keeper, version: number, untilUs: number): void {
    keeper.wasEqual = true;
    this.#rest(keeper);
    if (this.kept.latestUs <= untilUs) keeper.equalAt = version;
    else this.#look();
  }

  /** Nothing is to be done with a keeper until something comes. */
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

  /** The other keepers may lack what this one had. */
  #spreadNews(from: Peer): void {
    for (const [peer, keeper] of this.#keepers) {
      if (peer === from || keeper.failures > 0) continue;
      keeper.dueAtMs = Math.min(keeper.dueAtMs, this.#effects.now() + this.#between(newsAfterMs));
      keeper.isSoon = true;
    }
  }

  #look(): void {
    if (this.#lookAtMs !== Number.POSITIVE_INFINITY) return;
    this.#lookAtMs = this.#effects.now() + this.#between(lookAfterMs);
  }

  #between({ from, to }: { readonly from: number; readonly to: number }): number {
    return from + (to - from) * this.#effects.random();
  }
}
