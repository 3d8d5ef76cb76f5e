import { hexToBytes } from '@noble/hashes/utils.js';
import type { Broadcast } from '../broadcast.ts';
import type { HistoryStore } from './history-store.ts';
import { OrderedIds } from './negentropy/ordered-ids.ts';

/** How much of a topic a node keeps. */
export interface Capacity {
  readonly maxMessages: number;
  /** The bytes of all broadcasts as they travel. */
  readonly maxBytes: number;
}

export interface KeptBroadcastsOptions extends Capacity {
  /** How old a broadcast may become, in milliseconds. `Infinity` for no limit. */
  readonly maxAgeMs: number;
  readonly store: HistoryStore;
  /** Returns the time in milliseconds since 1970. */
  readonly wallNow: () => number;
}

/** A part of the kept broadcasts: the items from index `from` up to `to`. */
export interface View {
  readonly items: OrderedIds;
  readonly from: number;
  readonly to: number;
}

const noPrefix = new Uint8Array(0);

/**
 * The latest broadcasts of one topic, from all origins. If there are too many, the earliest ones are evicted.
 *
 * The floor is the latest time of an evicted broadcast. The node keeps all broadcasts that it received above its floor,
 * and none below. So it can tell whether a broadcast above the floor has arrived before, and it accepts none below.
 */
export class KeptBroadcasts {
  readonly capacity: Capacity;
  readonly #options: KeptBroadcastsOptions;
  readonly #items = new OrderedIds();
  readonly #byId = new Map<string, { readonly timeUs: number; readonly length: number }>();
  #bytes = 0;
  #floorUs: number;
  #version = 0;

  /** @throws what the store throws. */
  constructor(options: KeptBroadcastsOptions) {
    const { maxMessages, maxBytes, store } = options;
    this.#options = options;
    this.capacity = { maxMessages, maxBytes };
    const { broadcasts, floorUs } = store.load();
    this.#floorUs = floorUs;
    for (const { id, timeUs, length } of broadcasts) this.#insert(id, timeUs, length);
    this.#evict();
  }

  /** A number that changes with each added broadcast. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#items.size;
  }

  /** The time of the latest broadcast, in microseconds. */
  get latestUs(): number {
    return this.size === 0 ? 0 : this.#items.timeAt(this.size - 1);
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  /** Returns the time of a broadcast in microseconds since 1970, or `undefined` if it is not kept. */
  timeUsOf(id: string): number | undefined {
    return this.#byId.get(id)?.timeUs;
  }

  /** @returns the bytes of a broadcast as it travels. @throws what the store throws. */
  read(id: string): Uint8Array<ArrayBuffer> | undefined {
    return this.#byId.has(id) ? this.#options.store.read(id) : undefined;
  }

  /** Whether this time is above the floor. */
  reaches(timeUs: number): boolean {
    return timeUs > this.floorUs;
  }

  /**
   * Keeps a broadcast.
   *
   * @returns false if it is already kept, or is below the floor.
   * @throws what the store throws.
   */
  add({ id, timeUs, bytes }: Pick<Broadcast, 'id' | 'timeUs' | 'bytes'>): boolean {
    if (this.has(id) || !this.reaches(timeUs)) return false;
    this.#options.store.add({ id, timeUs }, bytes);
    this.#insert(id, timeUs, bytes.length);
    this.#version += 1;
    this.#evict();
    return this.has(id);
  }

  /** The time up to which nothing is kept, in microseconds. */
  get floorUs(): number {
    const { maxAgeMs, wallNow } = this.#options;
    return Math.max(this.#floorUs, Math.trunc((wallNow() - maxAgeMs) * 1_000));
  }

  /** Returns the floor that would result from a given capacity. */
  floorUsWithin({ maxMessages, maxBytes }: Capacity): number {
    const items = this.#items;
    let first = Math.max(0, items.size - maxMessages);
    if (this.#bytes > maxBytes) {
      let bytes = 0;
      let index = items.size;
      while (index > first) {
        bytes += this.#byId.get(items.hexAt(index - 1))!.length;
        if (bytes > maxBytes) break;
        index -= 1;
      }
      first = index;
    }
    return first === 0 ? this.floorUs : Math.max(this.floorUs, items.timeAt(first - 1));
  }

  /** Returns the broadcasts above a floor and up to a time. */
  between(floorUs: number, untilUs: number): View {
    const items = this.#items;
    const from = items.indexOf({ timestamp: floorUs + 1, prefix: noPrefix });
    return { items, from, to: items.indexOf({ timestamp: untilUs + 1, prefix: noPrefix }, from) };
  }

  /** Evicts the broadcasts that have become too old. @throws what the store throws. */
  expire(): void {
    this.#evictUntil(this.floorUs);
  }

  close(): void | Promise<void> {
    return this.#options.store.close();
  }

  #insert(id: string, timeUs: number, length: number): void {
    this.#items.add(timeUs, hexToBytes(id));
    this.#byId.set(id, { timeUs, length });
    this.#bytes += length;
  }

  #evict(): void {
    const { maxMessages, maxBytes } = this.capacity;
    const isTooMuch = this.size > maxMessages || this.#bytes > maxBytes;
    this.#evictUntil(isTooMuch ? this.floorUsWithin(this.capacity) : this.floorUs);
  }

  #evictUntil(floorUs: number): void {
    const items = this.#items;
    const count = items.indexOf({ timestamp: floorUs + 1, prefix: noPrefix });
    if (count === 0) return;
    const ids = Array.from({ length: count }, (_, index) => items.hexAt(index));
    this.#floorUs = Math.max(this.#floorUs, items.timeAt(count - 1));
    this.#options.store.remove(ids, this.#floorUs);
    for (const id of ids) {
      this.#bytes -= this.#byId.get(id)!.length;
      this.#byId.delete(id);
    }
    items.removeFirst(count);
  }
}
