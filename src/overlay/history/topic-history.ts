import type { Broadcast } from '../broadcast.ts';
import { Comparison, settledAfterMs } from './comparison.ts';
import { Fetching } from './fetching.ts';
import { type HistoryFrame, maxIds, maxReconciliationBytes, type OfKind } from './history-frames.ts';
import { Keepers, type KeepersEffects, type NextTick } from './keepers.ts';
import type { Capacity, KeptBroadcasts } from './kept-broadcasts.ts';
import { Negentropy } from './negentropy/negentropy.ts';

/** A run ends when its keeper has been silent for so long. In milliseconds. */
const silenceMs = 15_000;

/** A run that takes longer is set aside, so that other keepers get their turn. In milliseconds. */
const longestRunMs = 60_000;

/** How far the time of a broadcast may lie ahead of this node's clock, in milliseconds: as for live ones. */
const maxAheadMs = 120_000;

/** What arrives is kept when it has so many bytes, or when the peer has sent all that was asked for. */
const batchBytes = 512 * 1024;

/** The effects of {@link TopicHistory}. None of these methods may call it back before it has returned. */
export interface TopicHistoryEffects<Peer> extends KeepersEffects<Peer> {
  /** Milliseconds since 1970. */
  wallNow(): number;
  /** @returns false if the frame could not be sent. */
  send(peer: Peer, frame: HistoryFrame): boolean;
  /** Broadcasts that a peer had are kept from now on: the earliest first. */
  caughtUp(peer: Peer, broadcasts: readonly Broadcast[]): void;
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
  /** The peer listed broadcasts that it does not have, or does not send. */
  hasLied: boolean;
  heardAtMs: number;
}

/**
 * The history of one topic, and how it catches up with other keepers: with one at a time, chosen by {@link Keepers}. A
 * node receives only what it has asked for, so no peer decides how much that is.
 *
 * This is a state machine without a clock: what happens comes in as method calls, and what is to be done goes out as
 * effects.
 */
export class TopicHistory<Peer> {
  readonly digest: string;
  readonly kept: KeptBroadcasts;
  readonly #effects: TopicHistoryEffects<Peer>;
  readonly #keepers: Keepers<Peer>;
  #run: Run<Peer> | undefined;
  #runCount = 0;

  constructor(digest: string, kept: KeptBroadcasts, effects: TopicHistoryEffects<Peer>) {
    this.digest = digest;
    this.kept = kept;
    this.#effects = effects;
    this.#keepers = new Keepers(kept, effects);
  }

  /** Broadcasts that peers have offered and that were not asked for yet. */
  get offeredCount(): number {
    return this.#keepers.offeredCount;
  }

  /**
   * A peer keeps the topic too.
   *
   * @param beginsFirst whether this node is the one that begins, if both learn of each other now.
   */
  keeps(peer: Peer, capacity: Capacity, beginsFirst: boolean): void {
    this.#keepers.add(peer, capacity, beginsFirst);
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
    if (this.kept.add(broadcast)) this.#keepers.changed();
  }

  /** Undefined: there is nothing to do until something happens. */
  get nextTick(): NextTick | undefined {
    if (this.#run !== undefined) return { atMs: this.#run.heardAtMs + silenceMs, isWatching: false };
    return this.#keepers.nextTick;
  }

  /** Does what is due. @throws what the store does. */
  tick(): void {
    const nowMs = this.#effects.now();
    this.kept.expire();
    if (this.#run !== undefined && nowMs >= this.#run.heardAtMs + silenceMs) this.#finish('failed');
    this.#keepers.look();
    if (this.#run === undefined) this.#begin();
  }

  /** A peer compares what it keeps with what this node does. @throws PeerloomError `ERR_PROTOCOL`. */
  compare(peer: Peer, frame: OfKind<'compare'>): OfKind<'answer' | 'refuse'> {
    const { run, digest, floorUs, untilUs } = frame;
    const ownFloorUs = this.kept.floorUsWithin(this.#keepers.sharedCapacity(peer));
    if (frame.isFirst && ownFloorUs > floorUs) return { kind: 'refuse', digest, run, floorUs: ownFloorUs };
    const { items, from, to } = this.kept.between(floorUs, untilUs);
    const side = new Negentropy(items, { from, to, maxMessageBytes: maxReconciliationBytes });
    const message = side.answer(frame.message);
    const hasNothingToSay = message.length === 1;
    if (frame.isFirst && hasNothingToSay) this.#keepers.wasFoundEqual(peer, this.kept.version, untilUs);
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
    this.#keepers.offered(peer, ids);
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

  #begin(): void {
    const peer = this.#keepers.mostOverdue();
    if (peer === undefined) return;
    const offered = this.#keepers.takeOffered(peer);
    if (offered.length > 0) this.#fetch(this.#open(peer, undefined), new Fetching(this.kept, offered));
    else this.#beginToCompare(peer);
  }

  #beginToCompare(peer: Peer): void {
    const comparison = new Comparison(this.kept, {
      floorUs: this.kept.floorUsWithin(this.#keepers.sharedCapacity(peer)),
      untilUs: Math.max(0, Math.trunc((this.#effects.wallNow() - settledAfterMs) * 1_000)),
      expectsNone: this.#keepers.wereEqual(peer),
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
    const { peer, comparison } = run;
    if (how === 'failed') this.#keepers.failed(peer);
    else if (how === 'set aside') this.#keepers.setAside(peer);
    else if (comparison?.isEqual !== true) this.#keepers.caughtUp(peer);
    else this.#keepers.foundEqual(peer, run.version, comparison.untilUs);
    if (run.broughtCount > 0) this.#keepers.spreadNews(peer);
    this.#begin();
  }
}
