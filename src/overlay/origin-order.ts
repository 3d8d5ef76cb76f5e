import type { Runtime } from '../base/runtime.ts';
import type { Broadcast } from './broadcast.ts';
import type { Arrival } from './router.ts';
import { Waits } from './waits.ts';

/**
 * How long a missing broadcast is awaited after it was sent, in milliseconds. This is longer than nodes need to repair
 * a tree.
 */
const patienceMs = 5_000;

/** The most broadcasts of all origins that wait for earlier ones. */
const maxHeld = 1_024;

/** The most bytes of these broadcasts. */
const maxHeldBytes = 4 * 1_048_576;

/** The most origins whose latest broadcast is remembered. */
const maxOrigins = 4_096;

/** An origin is forgotten this long after its latest broadcast, in milliseconds. Nodes drop older broadcasts anyway. */
const forgetAfterMs = 240_000;

/** How many origins the node checks with each broadcast. It forgets those whose time is over. */
const lookedAtPerBroadcast = 2;

interface Held {
  readonly broadcast: Broadcast;
  readonly arrival: Arrival;
  readonly dueAtMs: number;
}

interface Origin {
  /** The time of the latest broadcast that was delivered. */
  latestUs: number | undefined;
  heardAtMs: number;
  /** The waiting broadcasts, in the order of their times. */
  readonly held: Held[];
}

export interface OriginOrderOptions {
  readonly runtime: Runtime;
  /** Called with the number of bytes that newly wait. */
  readonly onGrowth: (bytes: number) => void;
  /** Delivers a broadcast. */
  readonly onNext: (broadcast: Broadcast, arrival: Arrival) => void;
  /** Called for a broadcast that arrived after later ones had been delivered. */
  readonly onLate: (broadcast: Broadcast, arrival: Arrival) => void;
}

/**
 * Delivers the broadcasts of a topic in the order in which their origins sent them. Each broadcast names its
 * predecessor. If the predecessor is missing, the broadcast waits for it, but not for long. Then the missing broadcast
 * is given up. If it arrives after that, it is late.
 */
export class OriginOrder {
  readonly #options: OriginOrderOptions;
  /** The origins by id. The origin heard most recently comes last. */
  readonly #origins = new Map<string, Origin>();
  readonly #waits: Waits;
  #heldCount = 0;
  #heldBytes = 0;

  constructor(options: OriginOrderOptions) {
    this.#options = options;
    this.#waits = new Waits(options.runtime, (origin) => this.#handOnDue(origin));
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  add(broadcast: Broadcast, arrival: Arrival): void {
    const { timeUs, previousUs } = broadcast;
    const origin = this.#heardOf(broadcast.origin);
    if (isNext(broadcast, origin)) {
      this.#handOn(origin, { broadcast, arrival });
      this.#handOnFollowing(broadcast.origin, origin);
      return;
    }
    if (origin.latestUs !== undefined && timeUs <= origin.latestUs) {
      this.#options.onLate(broadcast, arrival);
      return;
    }
    const leftMs = Math.min(patienceMs, patienceMs - (timeUs - previousUs) / 1_000);
    this.#hold(origin, { broadcast, arrival, dueAtMs: this.#options.runtime.now() + leftMs });
    const isFull = this.#heldCount > maxHeld || this.#heldBytes > maxHeldBytes;
    if (leftMs <= 0 || isFull) this.#handOnUntil(origin, timeUs);
    this.#handOnFollowing(broadcast.origin, origin);
  }

  /** A broadcast was delivered in another way, so the broadcasts that wait for it may follow. */
  handedOn({ origin: name, timeUs }: Broadcast): void {
    const origin = this.#origins.get(name);
    if (origin?.held[0]?.broadcast.previousUs !== timeUs) return;
    origin.latestUs = timeUs;
    this.#handOnFollowing(name, origin);
  }

  /** Stops delivering. The waiting broadcasts are dropped. */
  stop(): void {
    for (const name of this.#origins.keys()) this.#waits.end(name);
    this.#origins.clear();
    this.#heldCount = this.#heldBytes = 0;
  }

  #heardOf(name: string): Origin {
    const nowMs = this.#options.runtime.now();
    const origin = this.#origins.get(name) ?? { latestUs: undefined, heardAtMs: nowMs, held: [] };
    origin.heardAtMs = nowMs;
    this.#origins.delete(name);
    this.#origins.set(name, origin);
    let looked = 0;
    for (const [oldName, old] of this.#origins) {
      const isOver = this.#origins.size > maxOrigins || nowMs - old.heardAtMs > forgetAfterMs;
      if (!isOver || looked++ === lookedAtPerBroadcast) break;
      this.#handOnUntil(old, Number.POSITIVE_INFINITY);
      this.#waits.end(oldName);
      this.#origins.delete(oldName);
    }
    return origin;
  }

  #hold(origin: Origin, held: Held): void {
    const { timeUs, bytes } = held.broadcast;
    const after = origin.held.findLastIndex(({ broadcast }) => broadcast.timeUs < timeUs);
    origin.held.splice(after + 1, 0, held);
    this.#heldCount += 1;
    this.#heldBytes += bytes.length;
    this.#options.onGrowth(bytes.length);
  }

  /** Delivers the broadcasts of an origin that have waited long enough, and those that precede them. */
  #handOnDue(name: string): void {
    const origin = this.#origins.get(name);
    const nowMs = this.#options.runtime.now();
    const due = origin?.held.findLast(({ dueAtMs }) => dueAtMs <= nowMs);
    if (origin === undefined) return;
    if (due !== undefined) this.#handOnUntil(origin, due.broadcast.timeUs);
    this.#handOnFollowing(name, origin);
  }

  /** Delivers the waiting broadcasts up to a time. Missing broadcasts in between are given up. */
  #handOnUntil(origin: Origin, untilUs: number): void {
    while (origin.held[0] !== undefined && origin.held[0].broadcast.timeUs <= untilUs)
      this.#handOnFirst(origin);
  }

  #handOnFollowing(name: string, origin: Origin): void {
    while (origin.held[0] !== undefined && isNext(origin.held[0].broadcast, origin))
      this.#handOnFirst(origin);
    let dueAtMs = Number.POSITIVE_INFINITY;
    for (const held of origin.held) dueAtMs = Math.min(dueAtMs, held.dueAtMs);
    if (origin.held.length === 0) this.#waits.end(name);
    else this.#waits.begin(name, Math.max(0, dueAtMs - this.#options.runtime.now()));
  }

  #handOnFirst(origin: Origin): void {
    const first = origin.held.shift()!;
    this.#heldCount -= 1;
    this.#heldBytes -= first.broadcast.bytes.length;
    this.#handOn(origin, first);
  }

  #handOn(origin: Origin, { broadcast, arrival }: Omit<Held, 'dueAtMs'>): void {
    origin.latestUs = broadcast.timeUs;
    this.#options.onNext(broadcast, arrival);
  }
}

/** Whether nothing is missing between a broadcast and the latest one of its origin. */
function isNext({ timeUs, previousUs }: Broadcast, { latestUs }: Origin): boolean {
  // The clock of an origin may have been set back.
  if (latestUs === undefined) return previousUs === 0;
  return previousUs === latestUs || (timeUs > latestUs && previousUs < latestUs);
}
