import type { Broadcast } from './broadcast.ts';

/** Broadcasts of which at least the id is known. */
const maxBroadcasts = 16_384;

/** What a broadcast costs besides its bytes, about. */
const broadcastCostBytes = 512;

interface Recent<Peer> {
  readonly arrivedAtMs: number;
  /** Over how many links it came. */
  readonly hops: number;
  /** Undefined once it is too old to be asked for, or there was no room for it. */
  broadcast: Broadcast | undefined;
  /** Peers that it was sent to. */
  readonly sentTo: Set<Peer>;
}

/** The broadcasts that arrived last: neighbours may ask for them, and announcements of them are no news. */
export class RecentBroadcasts<Peer> {
  readonly #maxBytes: number;
  /** In the order in which they arrived. */
  readonly #byId = new Map<string, Recent<Peer>>();
  /** Those whose content is kept, in the same order. */
  readonly #kept = new Set<Recent<Peer>>();
  #keptBytes = 0;

  /** @param maxBytes for the content of all of them. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#keptBytes + this.#byId.size * broadcastCostBytes;
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  /** The content of a broadcast, if it is still kept. */
  get(id: string): Broadcast | undefined {
    return this.#byId.get(id)?.broadcast;
  }

  hopsOf(id: string): number {
    return this.#byId.get(id)!.hops;
  }

  /** Forgets broadcasts from the earliest on until there is room. */
  add(broadcast: Broadcast, { hops, nowMs }: { readonly hops: number; readonly nowMs: number }): void {
    const recent = { arrivedAtMs: nowMs, hops, broadcast, sentTo: new Set<Peer>() };
    this.#byId.set(broadcast.id, recent);
    this.#kept.add(recent);
    this.#keptBytes += broadcast.bytes.length;
    for (const oldest of this.#kept) {
      if (this.#keptBytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
    for (const [id, oldest] of this.#byId) {
      if (this.#byId.size <= maxBroadcasts) break;
      this.#drop(oldest);
      this.#byId.delete(id);
    }
  }

  /** Whether the broadcast was sent to that peer. */
  wasSentTo(peer: Peer, id: string): boolean {
    return this.#byId.get(id)?.sentTo.has(peer) === true;
  }

  sentTo(peer: Peer, id: string): void {
    this.#byId.get(id)?.sentTo.add(peer);
  }

  /** Forgets what arrived before a moment. */
  expire(beforeMs: number): void {
    for (const [id, recent] of this.#byId) {
      if (recent.arrivedAtMs >= beforeMs) return;
      this.#drop(recent);
      this.#byId.delete(id);
    }
  }

  #drop(recent: Recent<Peer>): void {
    if (!this.#kept.delete(recent)) return;
    this.#keptBytes -= recent.broadcast!.bytes.length;
    recent.broadcast = undefined;
    recent.sentTo.clear();
  }
}
