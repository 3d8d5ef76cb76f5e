import type { ProtocolPeer } from '../api/protocol.ts';
import { isPeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { TurnShare } from '../base/turn-share.ts';
import { channelOf } from '../protocols/protocols.ts';
import { HeldPushes } from './held-pushes.ts';
import { type Announcement, announcementFrame, maxAnnouncements, probeFrame } from './overlay-frames.ts';
import { sourceOfNode } from './seen/source-of-node.ts';

/** The round trip that is assumed until the first measurement, in milliseconds. */
const assumedRoundTripMs = 100;

/** How long after a measurement the round trip is measured again, in milliseconds. */
const measureAfterMs = 30_000;

/** The weight of a new measurement against the earlier ones. */
const measurementWeight = 1 / 4;

/** The most announcements that wait to be sent. If there are more, the earliest are dropped. */
const maxWaitingAnnouncements = 1_024;

export interface OverlayPeerOptions {
  readonly number: number;
  readonly runtime: Runtime;
  /** Pushes broadcasts that were held, see {@link HeldPushes}. */
  readonly release: (peer: OverlayPeer, ids: readonly string[]) => void;
}

/** A neighbour that passes broadcasts on, with what is needed to send it frames. */
export class OverlayPeer {
  readonly peer: ProtocolPeer;
  /** The source against whose share of memory its broadcasts count. */
  readonly source: string;
  /** A number that no other neighbour of the node has ever had. */
  readonly number: number;
  /** When it became a neighbour, by the clock of the runtime. */
  readonly openedAtMs: number;
  /** How much this node computes for the peer in one turn of the event loop. */
  readonly share: TurnShare;
  /** Broadcasts for this neighbour that follow another one closely. */
  readonly held: HeldPushes;
  /** The round trip in milliseconds, measured from time to time. */
  roundTripMs = assumedRoundTripMs;
  isMeasured = false;
  /**
   * How far the time of its latest own broadcast is ahead of this node's clock, in milliseconds. Set if the difference
   * is so large that this node drops its broadcasts.
   */
  clockGapMs: number | undefined;
  readonly #runtime: Runtime;
  /** The broadcasts that wait to be announced: the number of hops, by id. */
  readonly #announcements = new Map<string, number>();
  #isCongested = false;
  #probe: { readonly nonce: number; readonly sentAtMs: number } | undefined;

  constructor(peer: ProtocolPeer, { number, runtime, release }: OverlayPeerOptions) {
    this.peer = peer;
    this.source = sourceOfNode(channelOf(peer).remote);
    this.number = number;
    this.openedAtMs = runtime.now();
    this.#runtime = runtime;
    this.share = new TurnShare(runtime);
    this.held = new HeldPushes(runtime, (ids) => release(this, ids));
  }

  /** Whether a broadcast would be sent without waiting. */
  get isReady(): boolean {
    return !this.#isCongested && !this.peer.connection.isSuspended;
  }

  /** @returns false if nothing was sent, because the queue is full or the peer does not accept a frame of that size. */
  send(frame: Uint8Array): boolean {
    this.#measure();
    try {
      if (!this.peer.send(frame)) this.#waitForRoom();
      return true;
    } catch (error) {
      if (isPeerloomError(error)) return false;
      throw error;
    }
  }

  /** Adds an announcement to those that {@link OverlayPeer.sendAnnouncements} sends. */
  announce({ id, hops }: Announcement): void {
    this.#announcements.set(id, hops);
    if (this.#announcements.size <= maxWaitingAnnouncements) return;
    this.#announcements.delete(this.#announcements.keys().next().value!);
  }

  /** The peer has a broadcast, so it need not be announced to it. */
  has(id: string): void {
    this.#announcements.delete(id);
    this.held.drop(id);
  }

  sendAnnouncements(): void {
    const waiting = Array.from(this.#announcements, ([id, hops]) => ({ id, hops }));
    this.#announcements.clear();
    for (let at = 0; at < waiting.length; at += maxAnnouncements) {
      this.send(announcementFrame('announce', waiting.slice(at, at + maxAnnouncements)));
    }
  }

  /** The peer has answered a probe. */
  echoed(nonce: number): void {
    const probe = this.#probe;
    if (probe === undefined || probe.nonce !== nonce) return;
    this.isMeasured = true;
    const tookMs = this.#runtime.now() - probe.sentAtMs;
    this.roundTripMs += (tookMs - this.roundTripMs) * (nonce === 0 ? 1 : measurementWeight);
  }

  #measure(): void {
    const nowMs = this.#runtime.now();
    if (this.#probe !== undefined && nowMs - this.#probe.sentAtMs < measureAfterMs) return;
    this.#probe = { nonce: (this.#probe?.nonce ?? -1) + 1, sentAtMs: nowMs };
    this.send(probeFrame('probe', this.#probe.nonce));
  }

  #waitForRoom(): void {
    if (this.#isCongested) return;
    this.#isCongested = true;
    void this.peer.drained().then(() => {
      this.#isCongested = false;
    });
  }
}
