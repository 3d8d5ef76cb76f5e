import type { NodeConnection } from '../api/node-connection.ts';
import { overlayProtocol, type Protocol, type ProtocolHost, type ProtocolPeer } from '../api/protocol.ts';
import { isPeerloomError, PeerloomError } from '../base/errors.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { shareBytes } from '../channel/send/shared-bytes.ts';
import { type NodeIdentity, whenSigned } from '../identity/signer.ts';
import type { Payload } from '../wire/payloads/payload.ts';
import {
  type Broadcast,
  draftBroadcast,
  idOf,
  isSignedByOrigin,
  maxBodyBytes,
  readBroadcast,
  setSignature,
  signedBytes,
} from './broadcast.ts';
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
import { Plumtree, type PlumtreeEffects } from './plumtree.ts';
import { RecentBroadcasts } from './recent-broadcasts.ts';
import { MessageSeen, SeenMessages } from './seen/seen-messages.ts';
import { Waits } from './waits.ts';

/** How far the time of a broadcast may lie from this node's clock, in milliseconds. Older ones may be repetitions. */
const timeWindowMs = 120_000;

/** How far the times of this node's broadcasts may run ahead of its clock, in milliseconds. */
const maxAheadMs = timeWindowMs / 2;

/** Broadcasts whose repetition the node recognises. */
const defaultMaxSeen = 65_536;

/** Larger bodies are offered before they are sent. */
const offerBytes = 16 * 1024;

/** The content of broadcasts that is kept for neighbours, at most, in bytes. */
const maxKeptBytes = 8 * 1_048_576;

/** Announcements wait so long for others that can travel in the same frame, in milliseconds. */
const announceAfterMs = 25;

/** How long a broadcast that was announced may still arrive over the tree: so many round trips, within bounds. */
const patience = { roundTrips: 4, minMs: 100, maxMs: 2_000 };

/** About what an announcement of a broadcast costs that has not arrived. */
const announcementCostBytes = 256;

/** How a broadcast came to this node. */
export interface Arrival {
  readonly via: NodeConnection;
  /** Links between the origin and this node. */
  readonly hops: number;
}

export interface OverlayOptions {
  readonly identity: NodeIdentity;
  readonly network: string;
  readonly runtime: Runtime;
  readonly budget: MemoryBudget;
  /** Broadcasts whose repetition the node recognises. Default 65,536; tests make do with fewer. */
  readonly maxSeen?: number;
  /** A broadcast of another node arrived, for the first time. */
  readonly onBroadcast: (broadcast: Broadcast, arrival: Arrival) => void;
  /** A signer failed. */
  readonly onFailure: (error: unknown) => void;
}

/** What a node needs once there are broadcasts. */
interface State {
  readonly plumtree: Plumtree<OverlayPeer>;
  readonly recent: RecentBroadcasts;
  readonly seen: SeenMessages;
  readonly waits: Waits;
}

/** The protocol in which nodes pass on broadcasts (docs/protocol.md, section 14). */
export class Overlay implements Protocol, PlumtreeEffects<OverlayPeer> {
  readonly name = overlayProtocol;
  readonly #options: OverlayOptions;
  readonly #peers = new Map<ProtocolPeer, OverlayPeer>();
  #log: ProtocolHost['log'] = () => {};
  #state: State | undefined;
  #openedCount = 0;
  #lastTimeUs = 0;
  #announcing: RuntimeTimer | undefined;
  /** The latest frame that pushes a broadcast: several neighbours get the same one. */
  #pushed: { readonly id: string; readonly frame: Uint8Array } | undefined;

  constructor(options: OverlayOptions) {
    this.#options = options;
    options.budget.share(() => this.#heldBytes);
  }

  /** The neighbours that pass broadcasts on. */
  get neighbourCount(): number {
    return this.#peers.size;
  }

  /**
   * Sends a broadcast to all nodes of the network that neighbours lead to.
   *
   * @returns its id.
   * @throws PeerloomError `ERR_NO_NEIGHBOUR`, `ERR_MESSAGE_TOO_LARGE`.
   */
  broadcast(topic: string, payload: Payload): string {
    const { identity, network } = this.#options;
    if (this.#peers.size === 0) {
      throw new PeerloomError(
        'ERR_NO_NEIGHBOUR',
        'no connected node passes broadcasts on: call connectWithNode first, or waitForNodes(1)',
      );
    }
    const { length } = payload.body;
    if (length > maxBodyBytes) {
      throw new PeerloomError(
        'ERR_MESSAGE_TOO_LARGE',
        `a broadcast may have ${maxBodyBytes} bytes, not ${length}: broadcast where to get the data, and send it in a stream`,
      );
    }
    const timeUs = this.#nextTimeUs();
    const broadcast = draftBroadcast({ network, origin: identity.id, topic, timeUs, payload });
    const launch = (signature: Uint8Array): void => this.#launch(broadcast, signature);
    const launched = whenSigned(identity.sign(signedBytes(broadcast.bytes, network)), launch);
    if (launched instanceof Promise) launched.catch(this.#options.onFailure);
    return broadcast.id;
  }

  attach({ log }: ProtocolHost): void {
    this.#log = log;
  }

  opened(peer: ProtocolPeer): void {
    const own = new OverlayPeer(peer, { number: this.#openedCount++, runtime: this.#options.runtime });
    this.#peers.set(peer, own);
    this.#state?.plumtree.opened(own);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void> {
    const from = this.#peers.get(peer)!;
    return from.share.take(() => this.#handle(from, readOverlayFrame(bytes)));
  }

  closed(peer: ProtocolPeer): void {
    const own = this.#peers.get(peer)!;
    this.#peers.delete(peer);
    own.share.leave();
    this.#state?.plumtree.closed(own);
    if (this.#peers.size > 0) return;
    this.#announcing?.cancel();
    this.#announcing = undefined;
  }

  push(peer: OverlayPeer, id: string, hops: number): void {
    const { recent } = this.#active;
    const isLarge = recent.get(id)!.body.length > offerBytes;
    if (!peer.isReady) this.announce(peer, id, hops);
    else if (isLarge) peer.send(announcementFrame('offer', [{ id, hops }]));
    else this.#sendTo(peer, id);
  }

  announce(peer: OverlayPeer, id: string, hops: number): void {
    peer.announce({ id, hops });
    this.#announcing ??= this.#options.runtime.setTimeout(() => {
      this.#announcing = undefined;
      for (const each of this.#peers.values()) each.sendAnnouncements();
    }, announceAfterMs);
  }

  graft(peer: OverlayPeer, id: string | undefined): void {
    peer.send(graftFrame(id));
  }

  prune(peer: OverlayPeer): void {
    peer.send(pruneFrame());
  }

  wait(id: string): void {
    let roundTripMs = 0;
    for (const peer of this.#peers.values()) roundTripMs = Math.max(roundTripMs, peer.roundTripMs);
    const delayMs = Math.min(Math.max(roundTripMs * patience.roundTrips, patience.minMs), patience.maxMs);
    this.#active.waits.begin(id, delayMs);
  }

  settled(id: string): void {
    this.#active.waits.end(id);
  }

  get #active(): State {
    this.#state ??= this.#activate();
    return this.#state;
  }

  #activate(): State {
    const { runtime, budget, maxSeen = defaultMaxSeen } = this.#options;
    const random = new DataView(runtime.randomBytes(8, 'fingerprints of broadcasts').buffer);
    const seed = { low: random.getUint32(0), high: random.getUint32(4) };
    const recent = new RecentBroadcasts(maxKeptBytes, budget.grew);
    const plumtree = new Plumtree<OverlayPeer>(this, (id) => recent.has(id));
    const seen = new SeenMessages({ timeWindowMs, maxMessages: maxSeen, seed });
    seen.onGrowth = budget.grew;
    for (const peer of this.#peers.values()) plumtree.opened(peer);
    return { plumtree, recent, seen, waits: new Waits(runtime, (id) => plumtree.timedOut(id)) };
  }

  get #heldBytes(): number {
    if (this.#state === undefined) return 0;
    const { recent, seen, plumtree } = this.#state;
    return recent.heldBytes + seen.heldBytes + plumtree.announcementCount * announcementCostBytes;
  }

  #handle(from: OverlayPeer, frame: OverlayFrame): void {
    if (frame.kind === 'probe') from.send(probeFrame('echo', frame.nonce));
    else if (frame.kind === 'echo') from.echoed(frame.nonce);
    else if (frame.kind === 'push') this.#onPush(from, frame.broadcast, frame.hops + 1);
    else this.#onTreeFrame(from, frame);
  }

  #onTreeFrame(from: OverlayPeer, frame: TreeFrame): void {
    const { plumtree } = this.#active;
    if (frame.kind === 'prune') {
      plumtree.pruned(from);
    } else if (frame.kind === 'graft') {
      plumtree.grafted(from);
      if (frame.id !== undefined) this.#sendTo(from, frame.id);
    } else {
      this.#options.budget.grew(frame.announcements.length * announcementCostBytes);
      for (const { id, hops } of frame.announcements) {
        if (frame.kind === 'offer') plumtree.offered(from, id, hops + 1);
        else plumtree.announced(from, id, hops + 1);
      }
    }
  }

  /** @throws PeerloomError: the peer passes on what no origin has signed. Honest peers check before they pass on. */
  #onPush(from: OverlayPeer, bytes: Uint8Array<ArrayBuffer>, hops: number): void {
    const { identity, network, onBroadcast } = this.#options;
    const { plumtree, recent } = this.#active;
    const signed = signedBytes(bytes, network);
    const id = idOf(signed);
    if (recent.has(id)) {
      plumtree.repeated(from);
      return;
    }
    const broadcast = readBroadcast(bytes, id);
    if (broadcast.origin === identity.id) {
      // One of long ago, or from before this node started again.
      plumtree.dropped(id);
      plumtree.repeated(from);
      return;
    }
    const remember = this.#checkNew(broadcast, from);
    if (remember === undefined) return;
    if (!isSignedByOrigin(broadcast, signed)) {
      throw new PeerloomError('ERR_SIGNATURE_INVALID', `a broadcast that ${broadcast.origin} has not signed`);
    }
    remember();
    this.#keep(broadcast, hops);
    recent.sentTo(from.number, id);
    plumtree.arrived(from, id, hops);
    onBroadcast(broadcast, { via: from.peer.connection, hops });
  }

  /** @returns a function that remembers the broadcast; undefined for one that must not be passed on. */
  #checkNew({ id, origin, timeUs }: Broadcast, from: OverlayPeer): (() => void) | undefined {
    const { plumtree, seen } = this.#active;
    const now = this.#options.runtime.wallNow();
    try {
      return seen.check(
        { author: origin, id, hash: id, time: timeUs / 1_000 },
        { now, source: from.source, isByAuthor: from.peer.id === origin, timeliness: 'in the window' },
      );
    } catch (error) {
      if (!isPeerloomError(error)) throw error;
      if (error instanceof MessageSeen) plumtree.repeated(from);
      else this.#log(`a broadcast is dropped: ${error.message}`);
      // Too many: of this neighbour's. Another one may still bring it.
      if (error.code !== 'ERR_TOO_MANY_MESSAGES') plumtree.dropped(id);
      return undefined;
    }
  }

  #launch(broadcast: Broadcast, signature: Uint8Array): void {
    setSignature(broadcast, signature);
    this.#keep(broadcast, 0);
    this.#active.plumtree.originated(broadcast.id);
  }

  #keep(broadcast: Broadcast, hops: number): void {
    const { recent } = this.#active;
    const nowMs = this.#options.runtime.now();
    recent.expire(nowMs - timeWindowMs);
    recent.add(broadcast, { hops, nowMs });
  }

  /** Sends a broadcast, once: a peer that asks again is not answered. */
  #sendTo(peer: OverlayPeer, id: string): void {
    const { recent } = this.#active;
    const broadcast = recent.get(id);
    if (broadcast === undefined || recent.wasSentTo(peer.number, id)) return;
    if (this.#pushed?.id !== id) {
      this.#pushed = { id, frame: pushFrame(recent.hopsOf(id), broadcast.bytes) };
      shareBytes(this.#pushed.frame);
    }
    if (peer.send(this.#pushed.frame)) recent.sentTo(peer.number, id);
  }

  /**
   * Later than any before it: equal broadcasts must not have equal ids. A clock that was set back far makes an exception:
   * other nodes would drop what is ahead of theirs.
   */
  #nextTimeUs(): number {
    const nowUs = Math.trunc(this.#options.runtime.wallNow() * 1_000);
    const laterUs = this.#lastTimeUs + 1;
    this.#lastTimeUs = laterUs - nowUs > maxAheadMs * 1_000 ? nowUs : Math.max(nowUs, laterUs);
    return this.#lastTimeUs;
  }
}
