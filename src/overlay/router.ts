import type { NodeConnection } from '../api/node-connection.ts';
import type { ProtocolPeer } from '../api/protocol.ts';
import { isPeerloomError, PeerloomError } from '../base/errors.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { shareBytes } from '../channel/send/shared-bytes.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import { type Broadcast, idOf, isSignedByOrigin, readBroadcast, signedBytes } from './broadcast.ts';
import { EarlierBroadcasts } from './earlier-broadcasts.ts';
import { LatestPaths, type Path } from './latest-paths.ts';
import {
  announcementFrame,
  graftFrame,
  type OverlayFrame,
  probeFrame,
  pruneFrame,
  pushFrame,
  readOverlayFrame,
  type TreeFrame,
} from './overlay-frames.ts';
import { OverlayPeer } from './overlay-peer.ts';
import { announceDelayMs, maxPatienceMs, patienceMs, pushGapMs } from './pace.ts';
import { Plumtree, type PlumtreeEffects } from './plumtree.ts';
import { RecentBroadcasts } from './recent-broadcasts.ts';
import { MessageSeen, SeenMessages } from './seen/seen-messages.ts';
import { Shaper } from './shaper.ts';
import { isSignedOnce } from './signed-once.ts';
import { TreeLag } from './tree-lag.ts';
import { Waits } from './waits.ts';

/**
 * How far the time of a broadcast may differ from this node's clock, in milliseconds. Older ones may be repetitions.
 */
export const timeWindowMs = 120_000;

/** The most broadcasts that the node recognises when they arrive again. */
const defaultMaxSeen = 65_536;

/** Bodies above this size are offered before they are sent. */
const offerBytes = 16 * 1024;

/** The most bytes of broadcasts that are kept for neighbours. */
const maxKeptBytes = 8 * 1_048_576;

/** The approximate memory of an announcement whose broadcast has not arrived. */
const announcementCostBytes = 256;

/** What happens to a broadcast at a node, for observers. */
export type BroadcastSight = 'sent' | 'arrived' | 'repeated';

/** How a broadcast reached this node. */
export interface Arrival {
  readonly via: NodeConnection;
  /** The number of links between the origin and this node. 0 if it is unknown. */
  readonly hops: number;
  /** Whether the node had missed the broadcast and received it from another node's history. */
  readonly isHistory?: boolean;
}

export interface RouterOptions {
  readonly identity: NodeIdentity;
  readonly network: string;
  readonly runtime: Runtime;
  readonly budget: MemoryBudget;
  /** The most broadcasts whose repetition the node recognises. Default 65,536. Tests use fewer. */
  readonly maxSeen?: number | undefined;
  /** Whether the node itself is about to stop. Default: false. */
  isStopping?(): boolean;
  /** Whether the node passes on broadcasts with this topic, by its name on the wire. Default: all. */
  passesOn?(topic: string): boolean;
  /**
   * Called whenever a broadcast's content is sent or arrives, for simulations. `repeated` if the node already had it.
   */
  observe?(what: BroadcastSight, id: string, hops: number): void;
  /** Called when a broadcast of another node has arrived for the first time. */
  onBroadcast(broadcast: Broadcast, arrival: Arrival): void;
}

/**
 * Passes broadcasts on. It checks neighbours' frames, keeps broadcasts for them, and does what {@link Plumtree}
 * decides.
 */
export class Router implements PlumtreeEffects<OverlayPeer> {
  readonly #options: RouterOptions;
  readonly #log: (text: string) => void;
  readonly #peers = new Map<ProtocolPeer, OverlayPeer>();
  readonly #plumtree: Plumtree<OverlayPeer>;
  readonly #recent: RecentBroadcasts;
  readonly #seen: SeenMessages;
  readonly #waits: Waits;
  readonly #treeLag = new TreeLag();
  readonly #shaper = new Shaper();
  readonly #paths: LatestPaths;
  readonly #earlier: EarlierBroadcasts;
  #openedCount = 0;
  #announcing: RuntimeTimer | undefined;
  /** The latest frame that pushes a broadcast. It is reused for several neighbours. */
  #pushed: { readonly id: string; readonly frame: Uint8Array } | undefined;

  constructor(options: RouterOptions, log: (text: string) => void) {
    const { runtime, budget, maxSeen = defaultMaxSeen } = options;
    this.#options = options;
    this.#log = log;
    const random = new DataView(runtime.randomBytes(8, 'fingerprints of broadcasts').buffer);
    const seed = { low: random.getUint32(0), high: random.getUint32(4) };
    this.#recent = new RecentBroadcasts(maxKeptBytes, budget.grew);
    this.#plumtree = new Plumtree<OverlayPeer>(this, (id) => this.#recent.has(id));
    this.#seen = new SeenMessages({ timeWindowMs, maxMessages: maxSeen, seed });
    this.#seen.onGrowth = budget.grew;
    this.#paths = new LatestPaths(budget.grew);
    this.#waits = new Waits(runtime, (id) => this.#plumtree.timedOut(id));
    const passesOn = options.passesOn?.bind(options);
    this.#earlier = new EarlierBroadcasts({ runtime, recent: this.#recent, timeWindowMs, passesOn });
  }

  get heldBytes(): number {
    const { announcementCount } = this.#plumtree;
    const keptBytes = this.#recent.heldBytes + this.#seen.heldBytes + this.#paths.heldBytes;
    return keptBytes + this.#earlier.heldBytes + announcementCount * announcementCostBytes;
  }

  /** Whether neighbours can still get the latest broadcasts after another broadcast of this size is added. */
  hasRoomFor(bytes: number): boolean {
    return this.#recent.hasRoomFor(bytes, this.#options.runtime.now() - maxPatienceMs);
  }

  /** Returns how the latest broadcast of a node arrived. */
  pathTo(origin: string): Path | undefined {
    return this.#paths.find(origin);
  }

  /** Returns how far a neighbour's clock differs from this node's, if it differs enough to drop its broadcasts. */
  clockGapOf(id: string): number | undefined {
    for (const { peer, clockGapMs } of this.#peers.values()) if (peer.id === id) return clockGapMs;
    return undefined;
  }

  /** Sends a broadcast of this node to its neighbours. */
  originate(broadcast: Broadcast): void {
    this.#keep(broadcast, 0);
    this.#options.observe?.('sent', broadcast.id, 0);
    this.#plumtree.originated(broadcast.id);
  }

  /** Pushes the broadcasts that are held back, see {@link HeldPushes}. */
  flush(): void {
    for (const { held } of this.#peers.values()) held.flush();
  }

  opened(peer: ProtocolPeer): void {
    const own = new OverlayPeer(peer, {
      number: this.#openedCount++,
      runtime: this.#options.runtime,
      release: (to, ids) => this.#release(to, ids),
    });
    this.#peers.set(peer, own);
    this.#plumtree.opened(own);
    this.#earlier.opened(own);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void> {
    const from = this.#peers.get(peer)!;
    return from.share.run(() => this.#handle(from, readOverlayFrame(bytes)));
  }

  closed(peer: ProtocolPeer): void {
    const own = this.#peers.get(peer)!;
    // A peer may broadcast something right before it leaves.
    if (this.#options.isStopping?.() !== true) own.share.finish();
    own.share.cancel();
    own.held.close();
    this.#peers.delete(peer);
    this.#plumtree.closed(own);
    this.#earlier.closed(own);
    if (this.#peers.size > 0) return;
    this.#announcing?.cancel();
    this.#announcing = undefined;
  }

  push(peer: OverlayPeer, id: string, hops: number): void {
    const isLarge = this.#recent.get(id)!.body.length > offerBytes;
    if (!peer.isReady) this.announce(peer, id, hops);
    else if (isLarge) peer.send(announcementFrame('offer', [{ id, hops }]));
    else if (!peer.held.hold(id, this.#options.isStopping?.() === true ? 0 : pushGapMs(peer)))
      this.#sendTo(peer, id);
  }

  announce(peer: OverlayPeer, id: string, hops: number): void {
    peer.announce({ id, hops });
    this.#announcing ??= this.#options.runtime.setTimeout(() => {
      this.#announcing = undefined;
      for (const each of this.#peers.values()) each.sendAnnouncements();
    }, announceDelayMs(this.#peers.values()));
  }

  graft(peer: OverlayPeer, id: string | undefined): void {
    peer.send(graftFrame(id));
  }

  prune(peer: OverlayPeer): void {
    peer.send(pruneFrame());
  }

  wait(id: string): void {
    this.#waits.begin(id, patienceMs(this.#peers.values(), this.#treeLag.ms));
  }

  settled(id: string): void {
    this.#waits.end(id);
  }

  #release(peer: OverlayPeer, ids: readonly string[]): void {
    for (const id of ids) {
      if (!this.#recent.has(id)) continue;
      if (peer.isReady && this.#plumtree.isEager(peer)) this.#sendTo(peer, id);
      else this.announce(peer, id, this.#recent.hopsOf(id));
    }
  }

  #handle(from: OverlayPeer, frame: OverlayFrame): void {
    if (frame.kind === 'probe') from.send(probeFrame('echo', frame.nonce));
    else if (frame.kind === 'echo') from.echoed(frame.nonce);
    else if (frame.kind === 'push') this.#onPush(from, frame.broadcast, frame.hops + 1);
    else this.#onTreeFrame(from, frame);
  }

  #onTreeFrame(from: OverlayPeer, frame: TreeFrame): void {
    if (frame.kind === 'prune') {
      this.#plumtree.pruned(from);
    } else if (frame.kind === 'graft') {
      this.#plumtree.grafted(from);
      if (frame.id !== undefined && this.#earlier.mayServe(from, frame.id)) this.#sendTo(from, frame.id);
    } else {
      this.#options.budget.grew(frame.announcements.length * announcementCostBytes);
      for (const { id, hops } of frame.announcements) {
        from.has(id);
        if (frame.kind === 'offer') this.#onOffer(from, id, hops + 1);
        else this.#plumtree.announced(from, id, hops + 1);
      }
    }
  }

  #onOffer(from: OverlayPeer, id: string, hops: number): void {
    const known = this.#recent.get(id);
    if (known === undefined || this.#shaper.cuts(known.origin)) this.#plumtree.offered(from, id, hops);
  }

  /** @throws PeerloomError if its origin has not signed the broadcast. Honest peers check before they pass it on. */
  #onPush(from: OverlayPeer, bytes: Uint8Array<ArrayBuffer>, hops: number): void {
    const { identity, network, runtime } = this.#options;
    const signed = signedBytes(bytes, network);
    const id = idOf(signed);
    from.has(id);
    const known = this.#recent.get(id);
    if (known !== undefined) {
      this.#repeated(from, known, hops);
      return;
    }
    const broadcast = readBroadcast(bytes, id);
    if (broadcast.origin === identity.id) {
      // It arrived long ago, or this node sent it before it was restarted.
      this.#plumtree.dropped(id);
      this.#repeated(from, broadcast, hops);
      return;
    }
    const remember = this.#checkNew(broadcast, from, hops);
    if (remember === undefined) return;
    const isSigned = runtime.isVirtual === true ? isSignedOnce : isSignedByOrigin;
    if (!isSigned(broadcast, signed)) {
      throw new PeerloomError('ERR_SIGNATURE_INVALID', `a broadcast that ${broadcast.origin} has not signed`);
    }
    remember();
    if (!this.#plumtree.wasAsked(from, id)) this.#treeLag.arrived(this.#waits.sinceBegan(id));
    this.#options.observe?.('arrived', id, hops);
    this.#keep(broadcast, hops);
    this.#paths.heard(broadcast.origin, { via: from.peer.id, hops, arrivedAtMs: runtime.now() });
    this.#recent.sentTo(from.number, id);
    if (this.#options.passesOn?.(broadcast.topic) === false) this.#plumtree.dropped(id);
    else this.#plumtree.arrived(from, id, hops);
    this.#options.onBroadcast(broadcast, { via: from.peer.connection, hops });
  }

  #repeated(from: OverlayPeer, { id, origin }: Pick<Broadcast, 'id' | 'origin'>, hops: number): void {
    this.#options.observe?.('repeated', id, hops);
    if (!this.#plumtree.isEager(from) || this.#shaper.cuts(origin)) this.#plumtree.repeated(from);
  }

  /** @returns a function that remembers the broadcast, or `undefined` if it must not be passed on. */
  #checkNew({ id, origin, timeUs }: Broadcast, from: OverlayPeer, hops: number): (() => void) | undefined {
    const now = this.#options.runtime.wallNow();
    const isByAuthor = from.peer.id === origin;
    try {
      const remember = this.#seen.check(
        { author: origin, id, hash: id, time: timeUs / 1_000 },
        { now, source: from.source, isByAuthor, timeliness: 'in the window' },
      );
      if (isByAuthor) from.clockGapMs = undefined;
      return remember;
    } catch (error) {
      if (!isPeerloomError(error)) throw error;
      if (isByAuthor && error.code === 'ERR_TIME_WINDOW') from.clockGapMs = timeUs / 1_000 - now;
      if (error instanceof MessageSeen) this.#repeated(from, { id, origin }, hops);
      else this.#log(`a broadcast is dropped: ${error.message}`);
      // If this neighbour brought too many, another one may still bring the broadcast.
      if (error.code !== 'ERR_TOO_MANY_MESSAGES') this.#plumtree.dropped(id);
      return undefined;
    }
  }

  #keep(broadcast: Broadcast, hops: number): void {
    const nowMs = this.#options.runtime.now();
    this.#shaper.heard(broadcast.origin, nowMs);
    this.#recent.expire(nowMs - timeWindowMs);
    this.#recent.add(broadcast, { hops, nowMs });
  }

  /** Sends a broadcast to a peer, but only once. If the peer asks again, it gets no answer. */
  #sendTo(peer: OverlayPeer, id: string): void {
    const broadcast = this.#recent.get(id);
    if (broadcast === undefined || this.#recent.wasSentTo(peer.number, id)) return;
    if (this.#pushed?.id !== id) {
      this.#pushed = { id, frame: pushFrame(this.#recent.hopsOf(id), broadcast.bytes) };
      shareBytes(this.#pushed.frame);
    }
    if (peer.send(this.#pushed.frame)) this.#recent.sentTo(peer.number, id);
  }
}
