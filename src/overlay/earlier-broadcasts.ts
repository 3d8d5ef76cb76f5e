import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { type Announcement, announcementFrame } from './overlay-frames.ts';
import type { OverlayPeer } from './overlay-peer.ts';
import type { RecentBroadcasts } from './recent-broadcasts.ts';

/**
 * The most earlier broadcasts that are announced to a new neighbour: half of what it waits for, see
 * `maxMissingPerPeer`.
 */
export const maxEarlier = 512;

/**
 * Only broadcasts of this many last milliseconds are announced. It takes about this long to replace a neighbour that
 * died in silence.
 */
const earlierMs = 30_000;

/** A broadcast is announced only if it stays acceptable for at least this many milliseconds, so that it can arrive. */
const timeToArriveMs = 10_000;

/** The most announcements of earlier broadcasts in one frame. */
const announcedAtOnce = 128;

/** How long the node waits before each such frame, in milliseconds. Meanwhile, broadcasts may arrive over the tree. */
const announceEveryMs = 100;

/** Announcements of earlier broadcasts for all neighbours with one address, however often they connect. */
const announcedPerSecond = 16;
const announcedBurst = 4_096;

/** Bytes of earlier broadcasts that the node serves to all neighbours with one address. */
const servedPerSecond = 65_536;
const servedBurst = 16 * 1_048_576;

/** The most addresses whose rates are remembered. */
const maxSources = 1_024;

/** After this many milliseconds, an unused rate is full again, so it can be forgotten. */
const forgetAfterMs = (1_000 * announcedBurst) / announcedPerSecond;

/** The approximate memory of a waiting announcement, without the broadcast itself. */
const waitingCostBytes = 64;

/** How much the neighbours with one address may still receive. */
interface Rates {
  readonly announced: TokenBucket;
  readonly served: TokenBucket;
  usedAtMs: number;
}

export interface EarlierBroadcastsOptions {
  readonly runtime: Runtime;
  readonly recent: RecentBroadcasts;
  /** Other nodes reject a broadcast that is older than this, in milliseconds. */
  readonly timeWindowMs: number;
  /** Whether the node passes on broadcasts with this topic, by its name on the wire. Default: all. */
  readonly passesOn?: ((topic: string) => boolean) | undefined;
}

/**
 * Announces to new neighbours the broadcasts that arrived before they connected, a few at a time. Otherwise a broadcast
 * would miss a node whose only link opens a moment later. A neighbour that connects again and again receives no more
 * than other neighbours.
 */
export class EarlierBroadcasts {
  readonly #options: EarlierBroadcastsOptions;
  readonly #waiting = new Map<OverlayPeer, readonly Announcement[]>();
  readonly #ratesOf = new Map<string, Rates>();
  #timer: RuntimeTimer | undefined;

  constructor(options: EarlierBroadcastsOptions) {
    this.#options = options;
  }

  get heldBytes(): number {
    let count = 0;
    for (const { length } of this.#waiting.values()) count += length;
    return count * waitingCostBytes;
  }

  /** A new neighbour has connected. */
  opened(peer: OverlayPeer): void {
    const earlier = this.#latest();
    if (earlier.length === 0) return;
    this.#waiting.set(peer, earlier);
    this.#schedule();
  }

  closed(peer: OverlayPeer): void {
    this.#waiting.delete(peer);
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /**
   * Whether a peer that asks for a broadcast may have it now. A broadcast that arrived before the peer connected counts
   * towards its rate, because a peer that connects again could ask for it again.
   */
  mayServe({ source, number, openedAtMs }: OverlayPeer, id: string): boolean {
    const { recent } = this.#options;
    const broadcast = recent.get(id);
    if (broadcast === undefined || recent.wasSentTo(number, id)) return false;
    if (!recent.wasHere(id, openedAtMs)) return true;
    const rates = this.#find(source);
    if (rates === undefined || !rates.served.take()) return false;
    rates.served.spend(broadcast.bytes.length);
    return true;
  }

  /** Returns recent broadcasts that the node keeps and passes on, and that others still accept, the earliest first. */
  #latest(): readonly Announcement[] {
    const { runtime, recent, timeWindowMs, passesOn } = this.#options;
    const sinceUs = (runtime.wallNow() - timeWindowMs + timeToArriveMs) * 1_000;
    const earlier: Announcement[] = [];
    for (const { broadcast, hops } of recent.since(runtime.now() - earlierMs)) {
      if (broadcast.timeUs < sinceUs || passesOn?.(broadcast.topic) === false) continue;
      earlier.push({ id: broadcast.id, hops });
      if (earlier.length >= maxEarlier) break;
    }
    return earlier.reverse();
  }

  #schedule(): void {
    this.#timer ??= this.#options.runtime.setTimeout(() => {
      this.#timer = undefined;
      for (const [peer, earlier] of [...this.#waiting]) this.#announce(peer, earlier);
      if (this.#waiting.size > 0) this.#schedule();
    }, announceEveryMs);
  }

  #announce(peer: OverlayPeer, earlier: readonly Announcement[]): void {
    const rest = earlier.slice(announcedAtOnce);
    if (rest.length > 0) this.#waiting.set(peer, rest);
    else this.#waiting.delete(peer);
    const rates = this.#find(peer.source);
    const { recent } = this.#options;
    const wanted = earlier
      .slice(0, announcedAtOnce)
      .filter(({ id }) => recent.get(id) !== undefined && !recent.wasSentTo(peer.number, id))
      .filter(() => rates?.announced.take() === true);
    if (wanted.length > 0) peer.send(announcementFrame('announce', wanted));
  }

  /** @returns `undefined` while the rates of too many other addresses are in use. */
  #find(source: string): Rates | undefined {
    const nowMs = this.#options.runtime.now();
    let rates = this.#ratesOf.get(source);
    if (rates === undefined) {
      if (this.#ratesOf.size >= maxSources) this.#forget(nowMs);
      if (this.#ratesOf.size >= maxSources) return undefined;
      rates = {
        announced: new TokenBucket(
          { burst: announcedBurst, perSecond: announcedPerSecond },
          this.#options.runtime,
        ),
        served: new TokenBucket({ burst: servedBurst, perSecond: servedPerSecond }, this.#options.runtime),
        usedAtMs: nowMs,
      };
      this.#ratesOf.set(source, rates);
    }
    rates.usedAtMs = nowMs;
    return rates;
  }

  #forget(nowMs: number): void {
    for (const [source, { usedAtMs }] of this.#ratesOf) {
      if (nowMs - usedAtMs >= forgetAfterMs) this.#ratesOf.delete(source);
    }
  }
}
