import type { NodeConnection } from '../../api/node-connection.ts';
import type { LeaveReason } from '../../api/presence.ts';
import type { ProtocolPeer } from '../../api/protocol.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { channelOf } from '../../protocols/protocols.ts';
import type { Broadcast } from '../broadcast.ts';
import type { OverlayPart } from '../overlay.ts';
import type { Arrival } from '../router.ts';
import { sourceOfNode } from '../seen/source-of-node.ts';
import { announcementPayload, readAnnouncement } from './announcement.ts';
import { PresentNodes } from './present-nodes.ts';

/** The most other nodes whose presence a node remembers. */
export const maxPresentNodes = 32_768;

/** How many times in each period the node looks for nodes that have gone silent. */
const looksPerPeriod = 4;

/** A period is shortened by up to this fraction, at random, so that nodes that start together announce separately. */
const jitter = 1 / 4;

export interface PresenceOptions {
  readonly runtime: Runtime;
  /** Milliseconds between two announcements. */
  readonly everyMs: number;
  /** Sends an announcement to all nodes. May throw. */
  readonly broadcast: (payload: Pick<Broadcast, 'format' | 'body'>) => void;
  readonly onJoined: (id: string) => void;
  readonly onLeft: (id: string, reason: LeaveReason) => void;
  /** Called with the number of bytes that are newly kept. */
  readonly onGrowth: (bytes: number) => void;
}

/**
 * Announces this node to the network, and knows which other nodes are present. Each participating node announces itself
 * with a broadcast when it gets its first neighbour, then in each period, and before it stops. Presence has no frames
 * of its own.
 */
export class Presence implements OverlayPart {
  readonly kinds = { first: 0, last: -1 } as const;
  readonly #options: PresenceOptions;
  readonly #nodes: PresentNodes;
  /** By connection with a neighbour that passes broadcasts on: the source whose share its announcements use. */
  readonly #sources = new Map<NodeConnection, string>();
  #timer: RuntimeTimer | undefined;
  #looksAtMs = 0;
  #announcesAtMs = 0;
  #isOver = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#nodes = new PresentNodes({ maxNodes: maxPresentNodes, onGrowth: options.onGrowth });
  }

  /** The ids of the other nodes that are present. */
  get ids(): string[] {
    return this.#nodes.ids;
  }

  /** Whether a node is present. */
  has(id: string): boolean {
    return this.#nodes.has(id);
  }

  get heldBytes(): number {
    return this.#nodes.heldBytes;
  }

  attach(): void {}

  received(): void {}

  opened(peer: ProtocolPeer): void {
    if (this.#isOver) return;
    this.#sources.set(peer.connection, sourceOfNode(channelOf(peer).remote));
    if (this.#sources.size === 1) this.#announce();
    if (this.#timer === undefined) this.#lookLater();
  }

  closed(peer: ProtocolPeer): void {
    this.#sources.delete(peer.connection);
  }

  /** A broadcast about presence arrived for the first time. */
  heard(broadcast: Broadcast, { via }: Arrival): void {
    const announcement = readAnnouncement(broadcast);
    const source = this.#sources.get(via);
    if (announcement === undefined || source === undefined) return;
    const news = this.#nodes.heard(announcement, source, this.#options.runtime.now());
    if (news === 'joined') this.#options.onJoined(broadcast.origin);
    else if (news === 'left') this.#options.onLeft(broadcast.origin, 'stopped');
  }

  /** Announces that the node leaves. Called when the node stops but can still send. */
  leave(): void {
    this.#timer?.cancel();
    if (!this.#isOver && this.#sources.size > 0) this.#send(undefined);
    this.#isOver = true;
  }

  #announce(): void {
    const { runtime, everyMs } = this.#options;
    this.#announcesAtMs = runtime.now() + everyMs * (1 - jitter * runtime.random('presence'));
    this.#send(everyMs);
  }

  #send(everyMs: number | undefined): void {
    try {
      this.#options.broadcast(announcementPayload(everyMs));
    } catch {
      // The queue is full at this moment. The next announcement replaces this one.
    }
  }

  #lookLater(): void {
    const { runtime, everyMs } = this.#options;
    const delayMs = everyMs / looksPerPeriod;
    this.#looksAtMs = runtime.now() + delayMs;
    this.#timer = runtime.setTimeout(() => this.#look(), delayMs, 'watching');
  }

  #look(): void {
    const nowMs = this.#options.runtime.now();
    const lateMs = nowMs - this.#looksAtMs;
    // The process was paused. Announcements that arrived meanwhile have not been read yet.
    if (lateMs > this.#options.everyMs / looksPerPeriod) this.#nodes.excuse(lateMs);
    for (const id of this.#nodes.forgetSilent(nowMs)) this.#options.onLeft(id, 'silent');
    if (this.#sources.size > 0 && nowMs >= this.#announcesAtMs) this.#announce();
    this.#lookLater();
  }
}
