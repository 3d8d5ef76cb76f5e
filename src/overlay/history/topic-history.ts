import type { Broadcast } from '../broadcast.ts';
import { Comparison, settledAfterMs } from './comparison.ts';
import { Fetching } from './fetching.ts';
import { type HistoryFrame, maxIds, maxReconciliationBytes, type OfKind } from './history-frames.ts';
import { Keepers, type KeepersEffects, type NextTick } from './keepers.ts';
import type { Capacity, KeptBroadcasts } from './kept-broadcasts.ts';
import { Negentropy } from './negentropy/negentropy.ts';

/** How long a keeper may be silent before its run ends, in milliseconds. */
const silenceMs = 15_000;

/** How long a run may take before it is set aside, so that other keepers get their turn. In milliseconds. */
const longestRunMs = 60_000;

/**
 * How far the time of a broadcast may be ahead of this node's clock, in milliseconds. The limit for live ones is the
 * same.
 */
const maxAheadMs = 120_000;

/** Arriving broadcasts are stored once they have this many bytes, or once the peer has sent all that was asked for. */
const batchBytes = 512 * 1024;

/** The effects of {@link TopicHistory}. None of these methods may call it back before its own call has returned. */
export interface TopicHistoryEffects<Peer> extends KeepersEffects<Peer> {
  /** Returns the time in milliseconds since 1970. */
  wallNow(): number;
  /** @returns false if the frame could not be sent. */
  send(peer: Peer, frame: HistoryFrame): boolean;
  /** Called with the broadcasts from a peer that are newly kept, the earliest first. */
  caughtUp(peer: Peer, broadcasts: readonly Broadcast[]): void;
}

/** A run: this node catches up with one keeper. */
interface Run<Peer> {
  readonly peer: Peer;
  readonly number: number;
  /** The {@link KeptBroadcasts.version} at the beginning of the run. */
  readonly version: number;
  readonly beganAtMs: number;
  /** `undefined` if the run fetches offered broadcasts. */
  readonly comparison: Comparison | undefined;
  wasRefused: boolean;
  fetching: Fetching | undefined;
  arrived: Broadcast[];
  arrivedBytes: number;
  broughtCount: number;
  /** Whether the peer listed broadcasts that it does not have or does not send. */
  hasLied: boolean;
  heardAtMs: number;
}

/**
 * The history of one topic. It catches up with other keepers, one at a time, chosen by {@link Keepers}. A node receives
 * only what it has asked for, so a peer cannot decide how much it sends.
 *
 * This is a state machine without a clock. Its methods are called for each event, and it acts through its effects.
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

  /** The number of broadcasts that peers have offered and that were not asked for yet. */
  get offeredCount(): number {
    return this.#keepers.offeredCount;
  }

  /**
   * A peer also keeps the topic.
   *
   * @param beginsFirst whether this node begins if both learn of each other now.
   */
  keeps(peer: Peer, capacity: Capacity, beginsFirst: boolean): void {
    this.#keepers.add(peer, capacity, beginsFirst);
  }

  /** A peer has gone, or no longer keeps the topic. */
  left(peer: Peer): void {
    this.#keepers.delete(peer);
    if (this.#run?.peer === peer) this.#run = undefined;
  }

  /**
   * Keeps a broadcast that arrived live or that this node sends.
   *
   * @throws what the store throws.
   */
  add(broadcast: Broadcast): void {
    if (this.kept.add(broadcast)) this.#keepers.changed();
  }

  /** When to call again. `undefined` if there is nothing to do until another event. */
  get nextTick(): NextTick | undefined {
    if (this.#run !== undefined) return { atMs: this.#run.heardAtMs + silenceMs, isWatching: false };
    return this.#keepers.nextTick;
  }

  /** Does everything that is due. @throws what the store throws. */
  tick(): void {
    const nowMs = this.#effects.now();
    this.kept.expire();
    if (this.#run !== undefined && nowMs >= this.#run.heardAtMs + silenceMs) this.#finish('failed');
    this.#keepers.look();
    if (this.#run === undefined) this.#begin();
  }

  /** Answers a peer that compares its broadcasts with this node's. @throws PeerloomError `ERR_PROTOCOL`. */
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

  /** The peer refused a comparison, because its floor is higher. @throws what the store throws. */
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

  /** @throws PeerloomError `ERR_PROTOCOL`, or what the store throws. */
  answered(peer: Peer, { run: number, message }: OfKind<'answer'>): void {
    const run = this.#runWith(peer, number);
    if (run?.comparison?.message === undefined || run.fetching !== undefined) return;
    run.comparison.answered(message);
    this.#ask(run, run.comparison);
  }

  /** A peer offers broadcasts that this node lacks. */
  offered(peer: Peer, ids: readonly string[]): void {
    this.#keepers.offered(peer, ids);
  }

  /** Whether this node asked the peer for a broadcast. If so, the caller must call {@link TopicHistory.arrived}. */
  takes(peer: Peer, id: string): boolean {
    return this.#run?.peer === peer && this.#run.fetching?.takes(id) === true;
  }

  /** Adds a broadcast that was asked for and that its origin has signed. @throws what the store throws. */
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

  /**
   * The peer has sent all broadcasts that it has among the first `count` that it was asked for. @throws what the store
   * throws.
   */
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

  /** Continues a comparison, or acts on its result. */
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
