import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { type Announcement, announcementFrame } from './overlay-frames.ts';
import type { OverlayPeer } from './overlay-peer.ts';
import type { RecentBroadcasts } from './recent-broadcasts.ts';

/** The most earlier broadcasts that are announced to a new neighbour: half of what it waits for, see `maxMissingPerPeer`. */
export const maxEarlier = 512;

/** Only broadcasts of the last so many milliseconds: about as long as it takes to replace a neighbour that died in silence. */
const earlierMs = 30_000;

/** Broadcasts that are nearly too old to be accepted are not announced: they have to arrive in time. */
const timeToArriveMs = 10_000;

/** Announcements of earlier broadcasts in one frame. */
const announcedAtOnce = 128;

/** Before each such frame, the node waits so many milliseconds: what is still under way may arrive over the tree. */
const announceEveryMs = 100;

/** Announcements of earlier broadcasts that neighbours with one address get, however often they connect. */
const announcedPerSecond = 16;
const announcedBurst = 4_096;

/** Bytes of earlier broadcasts that they get. */
const servedPerSecond = 65_536;
const servedBurst = 16 * 1_048_576;

/** Addresses whose rates are remembered. */
const maxSources = 1_024;

/** After so many milliseconds, a rate that nobody uses is as good as a new one. */
const forgetAfterMs = (1_000 * announcedBurst) / announcedPerSecond;

/** About the memory of an announcement that waits, besides the broadcast itself. */
const waitingCostBytes = 64;

/** What neighbours with one address have had. */
interface Rates {
  readonly announced: TokenBucket;
  readonly served: TokenBucket;
  usedAtMs: number;
}

export interface EarlierBroadcastsOptions {
  readonly runtime: Runtime;
  readonly recent: RecentBroadcasts;
  /** Others accept no broadcast that is older, in milliseconds. */
  readonly timeWindowMs: number;
  /** Whether the node passes on broadcasts with this topic, by its name on the wire. Default: all. */
  readonly passesOn?: ((topic: string) => boolean) | undefined;
}

/**
 * Tells new neighbours of broadcasts that were here before them, a few at a time. Without that, a broadcast would miss a
 * node whose only link opens a moment later. A neighbour that connects again and again gets no more than others do.
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

  /** A new neighbour is there. */
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
   * Whether a peer that asks for a broadcast may have it now. One that was here before the peer counts: a peer that
   * connects again could ask for it anew.
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

  /** The broadcasts of the last moments that the node keeps, passes on and others accept, the earliest first. */
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

  /** @returns undefined while the rates of too many others are in use. */
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
