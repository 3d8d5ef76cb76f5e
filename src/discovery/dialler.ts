import type { ReconnectPolicy } from '../api/reconnect-options.ts';
import { formatAddress } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import { backoffBoundMs, backoffDelayMs } from '../base/backoff.ts';
import type { Log } from '../base/debug.ts';
import { type ErrorCode, isPeerloomError } from '../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { AddressBook, BookEntry } from './address-book.ts';

/** The most dials at the same time. */
const maxDials = 4;

/** The most dials of this node in a second, in the long run. */
const dialsPerSecond = 1;

/** The most dials of this node in a burst. */
const dialBurst = 8;

/** The most dials of this node in a minute to addresses that other nodes named and that this node has never reached. */
const toldDialsPerMinute = 6;

/** The most such dials in a burst. */
const toldDialBurst = 4;

/**
 * Milliseconds after which a permanent address is dialled again, and a found one once. The actual time is 0.5 to 1.5
 * times that.
 */
const revisitAfterMs = 600_000;

/** The longest delay between attempts to reach an address that is not permanent, in milliseconds. */
const maxDelayMs = 600_000;

/**
 * The number of failures in a row after which the node forgets an address that is not permanent, unless it has no
 * connection at all.
 */
const maxFailures = 8;

/**
 * The number of best addresses from which the node picks one at random, so that a thousand nodes do not pick the same
 * one.
 */
const maxPicked = 16;

/** The errors after which another attempt soon would fail in the same way. */
const lastingCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_ADDRESS_INVALID',
  'ERR_ID_MISMATCH',
  'ERR_NETWORK_MISMATCH',
  'ERR_NOT_ALLOWED',
  'ERR_PLAIN_NOT_ALLOWED',
  'ERR_TRANSPORT_UNAVAILABLE',
  'ERR_VERSION',
]);

export interface DiallerOptions {
  readonly book: AddressBook;
  readonly runtime: Runtime;
  /** How the delays between attempts grow. */
  readonly policy: ReconnectPolicy;
  readonly log: Log;
  /** Returns the number of connections that the node has. */
  connections(): number;
  /** Returns the number of connections that the node wants to have. */
  wanted(): number;
  isConnected(id: string): boolean;
  /**
   * Whether a dial may end without a lasting connection. Then each found node is visited once, because it may belong to
   * a part of the network that this node does not know.
   */
  mayVisit(): boolean;
  /** Dials an address. Resolves when a node has answered there. @throws the errors of `connectWithNode`. */
  dial(entry: BookEntry): Promise<unknown>;
}

/**
 * Dials known addresses. It dials those that the user named until it has reached them, and others while the node has
 * fewer connections than it wants. The rates hold for the whole node, whatever other nodes tell it.
 */
export class Dialler {
  readonly #options: DiallerOptions;
  readonly #rate: TokenBucket;
  readonly #toldRate: TokenBucket;
  readonly #dialling = new Set<BookEntry>();
  #timer: RuntimeTimer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isRunning = false;

  constructor(options: DiallerOptions) {
    const { runtime } = options;
    this.#options = options;
    this.#rate = new TokenBucket({ burst: dialBurst, perSecond: dialsPerSecond }, runtime);
    this.#toldRate = new TokenBucket({ burst: toldDialBurst, perSecond: toldDialsPerMinute / 60 }, runtime);
  }

  start(): void {
    this.#isRunning = true;
    this.wake();
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Call this when something has changed: an address is known, or a connection has ended. */
  wake(): void {
    if (this.#isRunning) this.#lookAt(this.#options.runtime.now());
  }

  #lookAt(atMs: number): void {
    if (this.#timer !== undefined && this.#timerAtMs <= atMs) return;
    this.#timer?.cancel();
    if (atMs === Number.POSITIVE_INFINITY) return;
    const { runtime } = this.#options;
    this.#timerAtMs = atMs;
    this.#timer = runtime.setTimeout(this.#look, Math.max(0, atMs - runtime.now()), 'watching');
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const { runtime } = this.#options;
    while (this.#dialling.size < maxDials) {
      const { entry, nextAtMs } = this.#pick();
      const { waitMs } = this.#rate;
      if (entry === undefined || waitMs > 0) {
        this.#lookAt(entry === undefined ? nextAtMs : runtime.now() + waitMs);
        return;
      }
      this.#rate.take();
      if (isHearsay(entry)) this.#toldRate.take();
      void this.#dial(entry);
    }
  };

  /** Returns an address to dial now, or the time from which there may be one. */
  #pick(): { readonly entry?: BookEntry; readonly nextAtMs: number } {
    const { book, runtime, connections, wanted } = this.#options;
    const nowMs = runtime.now();
    const needsMore = connections() + this.#dialling.size < wanted();
    let nextAtMs = Number.POSITIVE_INFINITY;
    let best: BookEntry[] = [];
    let bestRank = -1;
    for (const entry of book) {
      if (!this.#isFree(entry)) continue;
      const atMs = this.#dueAtMs(entry, needsMore, nowMs);
      if (atMs > nowMs) {
        nextAtMs = Math.min(nextAtMs, atMs);
        continue;
      }
      const rank = rankOf(entry);
      if (rank > bestRank) [best, bestRank] = [[], rank];
      if (rank === bestRank) best.push(entry);
    }
    if (best.length === 0) return { nextAtMs };
    if (best.length > maxPicked) {
      best.sort((one, other) => (other.lastConnectedAt ?? 0) - (one.lastConnectedAt ?? 0));
      const leastAt = best[maxPicked - 1]!.lastConnectedAt ?? 0;
      best = best.filter(({ lastConnectedAt = 0 }) => lastConnectedAt >= leastAt);
    }
    const index = Math.floor(runtime.random('which address to dial') * best.length);
    return { entry: best[index]!, nextAtMs };
  }

  #isFree(entry: BookEntry): boolean {
    const { id, isOwn } = entry;
    if (isOwn || this.#dialling.has(entry)) return false;
    if (id === undefined) return true;
    if (this.#options.isConnected(id)) return false;
    for (const other of this.#dialling) if (other.id === id) return false;
    return true;
  }

  /**
   * Returns the time from which an address may be dialled, by the runtime's clock. `Infinity` if it is not to be
   * dialled at present.
   */
  #dueAtMs(entry: BookEntry, needsMore: boolean, nowMs: number): number {
    const { isPermanent, isReached, notBeforeMs } = entry;
    const isAsked = needsMore || (isPermanent && !isReached);
    if (isAsked) {
      const toldAtMs = isHearsay(entry) ? nowMs + this.#toldRate.waitMs : 0;
      return Math.max(notBeforeMs, toldAtMs);
    }
    if (!isPermanent && !this.#isToVisit(entry)) return Number.POSITIVE_INFINITY;
    return Math.max(notBeforeMs, this.#revisitAtMs(entry));
  }

  #isToVisit({ standing, isReached }: BookEntry): boolean {
    return standing === 'given' && !isReached && this.#options.mayVisit();
  }

  /**
   * Returns the time from which an address is visited again. It is random, so that nodes which started together do not
   * all visit the same node at the same moment.
   */
  #revisitAtMs(entry: BookEntry): number {
    if (entry.revisitAtMs === undefined) this.#revisitLater(entry);
    return entry.revisitAtMs!;
  }

  #revisitLater(entry: BookEntry): void {
    entry.revisitAtMs = this.#options.runtime.now() + revisitAfterMs * (0.5 + this.#chance());
  }

  async #dial(entry: BookEntry): Promise<void> {
    const { dial, log } = this.#options;
    this.#dialling.add(entry);
    try {
      await dial(entry);
      this.#reached(entry);
    } catch (error) {
      log(`no connection with ${formatAddress(entry.address)}: ${messageOf(error)}`);
      this.#failed(entry, error);
    } finally {
      this.#dialling.delete(entry);
      this.wake();
    }
  }

  /**
   * Called when a node has answered. Delays grow even though attempts succeed, because the other node may end the
   * connection immediately.
   */
  #reached(entry: BookEntry): void {
    const { runtime, policy } = this.#options;
    const nowMs = runtime.now();
    entry.isReached = true;
    const lastDelayMs = backoffBoundMs(entry.visits + 1, policy);
    entry.visits = nowMs - entry.notBeforeMs > 2 * lastDelayMs ? 1 : entry.visits + 1;
    const boundMs = backoffBoundMs(entry.visits, policy);
    entry.notBeforeMs = nowMs + boundMs * (0.5 + this.#chance() / 2);
    this.#revisitLater(entry);
  }

  #failed(entry: BookEntry, error: unknown): void {
    const { book, runtime, policy, connections } = this.#options;
    const code = isPeerloomError(error) ? error.code : undefined;
    if (code === 'ERR_SELF_CONNECTION') {
      entry.isOwn = true;
      return;
    }
    entry.failures += 1;
    const isHopeless = entry.failures >= maxFailures && connections() > 0;
    if (!entry.isPermanent && (isHopeless || isHearsay(entry))) {
      book.remove(entry);
      return;
    }
    const longestMs = entry.isPermanent ? policy.maxDelayMs : Math.max(maxDelayMs, policy.maxDelayMs);
    const delays = { minDelayMs: policy.minDelayMs, maxDelayMs: longestMs };
    const isLasting = code !== undefined && lastingCodes.has(code);
    const delayMs = isLasting
      ? longestMs * (0.5 + this.#chance() / 2)
      : backoffDelayMs(entry.failures, delays, () => this.#chance());
    entry.notBeforeMs = runtime.now() + delayMs;
  }

  #chance(): number {
    return this.#options.runtime.random('delays of dialling');
  }
}

/** Whether only other nodes have named the address, and this node has never reached a node there. */
function isHearsay({ standing, provenAtMs, lastConnectedAt }: BookEntry): boolean {
  return standing === 'told' && provenAtMs === undefined && lastConnectedAt === undefined;
}

/** Returns the rank of an address. The highest is dialled first. */
function rankOf(entry: BookEntry): number {
  if (entry.isPermanent && !entry.isReached) return 4;
  if (entry.provenAtMs !== undefined || entry.lastConnectedAt !== undefined) return 3;
  return { given: 2, seen: 1, told: 0 }[entry.standing];
}
