import type { Broadcast } from './broadcast.ts';

/** The most broadcasts whose ids the node remembers. */
const maxBroadcasts = 16_384;

/** The approximate memory of a broadcast, without its bytes. */
const broadcastCostBytes = 512;

/** The approximate memory for each peer to which a broadcast was sent. */
const sentToCostBytes = 32;

interface Recent {
  readonly arrivedAtMs: number;
  /** The number of links over which it came. */
  readonly hops: number;
  /** `undefined` if it is too old to be asked for, or if there was no room for it. */
  broadcast: Broadcast | undefined;
  /** The numbers of the peers to which it was sent. Numbers do not keep peers that have gone in memory. */
  readonly sentTo: Set<number>;
}

/** The latest broadcasts. Neighbours may ask for them, and further announcements of them are recognised. */
export class RecentBroadcasts {
  readonly #maxBytes: number;
  readonly #onGrowth: (bytes: number) => void;
  /** The remembered broadcasts by id, in the order of their arrival. */
  readonly #byId = new Map<string, Recent>();
  /** The broadcasts whose content is kept, in the same order. */
  readonly #kept = new Set<Recent>();
  #keptBytes = 0;

  /**
   * @param maxBytes the limit for the content of all broadcasts and for the records of the peers they were sent to.
   * @param onGrowth called with the number of bytes that are newly kept.
   */
  constructor(maxBytes: number, onGrowth: (bytes: number) => void) {
    this.#maxBytes = maxBytes;
    this.#onGrowth = onGrowth;
  }

  get heldBytes(): number {
    return this.#keptBytes + this.#byId.size * broadcastCostBytes;
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  /** Returns the content of a broadcast if it is still kept. */
  get(id: string): Broadcast | undefined {
    return this.#byId.get(id)?.broadcast;
  }

  hopsOf(id: string): number {
    return this.#byId.get(id)!.hops;
  }

  /** Whether the broadcast had arrived by a given time. */
  wasHere(id: string, atMs: number): boolean {
    const recent = this.#byId.get(id);
    return recent !== undefined && recent.arrivedAtMs < atMs;
  }

  /** Yields the broadcasts that arrived at a given time or later and whose content is kept, the latest first. */
  *since(atMs: number): Generator<{ readonly broadcast: Broadcast; readonly hops: number }> {
    for (const { arrivedAtMs, broadcast, hops } of [...this.#kept].reverse()) {
      if (arrivedAtMs < atMs) return;
      if (broadcast !== undefined) yield { broadcast, hops };
    }
  }

  /** Whether content of this size fits without evicting content that arrived at `sinceMs` or later. */
  hasRoomFor(bytes: number, sinceMs: number): boolean {
    let freeBytes = this.#maxBytes - this.#keptBytes;
    for (const { arrivedAtMs, broadcast } of this.#kept) {
      if (freeBytes >= bytes || arrivedAtMs >= sinceMs) break;
      freeBytes += broadcast!.bytes.length;
    }
    return freeBytes >= bytes;
  }

  /** Adds a broadcast. Forgets the earliest ones until there is room. */
  add(broadcast: Broadcast, { hops, nowMs }: { readonly hops: number; readonly nowMs: number }): void {
    const recent = { arrivedAtMs: nowMs, hops, broadcast, sentTo: new Set<number>() };
    this.#byId.set(broadcast.id, recent);
    this.#kept.add(recent);
    this.#onGrowth(broadcastCostBytes);
    this.#keep(broadcast.bytes.length);
    for (const [id, oldest] of this.#byId) {
      if (this.#byId.size <= maxBroadcasts) break;
      this.#drop(oldest);
      this.#byId.delete(id);
    }
  }

  /** Whether the broadcast was sent to the peer with that number. */
  wasSentTo(peer: number, id: string): boolean {
    return this.#byId.get(id)?.sentTo.has(peer) === true;
  }

  sentTo(peer: number, id: string): void {
    const recent = this.#byId.get(id);
    if (recent?.broadcast === undefined || recent.sentTo.has(peer)) return;
    recent.sentTo.add(peer);
    this.#keep(sentToCostBytes);
  }

  /** Forgets the broadcasts that arrived before a given time. */
  expire(beforeMs: number): void {
    for (const [id, recent] of this.#byId) {
      if (recent.arrivedAtMs >= beforeMs) return;
      this.#drop(recent);
      this.#byId.delete(id);
    }
  }

  /** Evicts the content of the earliest broadcasts until there is room. */
  #keep(bytes: number): void {
    this.#keptBytes += bytes;
    this.#onGrowth(bytes);
    for (const oldest of this.#kept) {
      if (this.#keptBytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(recent: Recent): void {
    if (!this.#kept.delete(recent)) return;
    this.#keptBytes -= recent.broadcast!.bytes.length + recent.sentTo.size * sentToCostBytes;
    recent.broadcast = undefined;
    recent.sentTo.clear();
  }
}
