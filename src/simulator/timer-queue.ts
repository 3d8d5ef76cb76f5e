import type { RuntimeTimer } from '../base/runtime.ts';

/** Cancelled timers that may stay in the queue before anything is done about them. */
const maxIdleCancelled = 64;

/** Added to the order of timers that run last: more timers than will ever be set. */
const lastOrder = 2 ** 52;

interface Owner {
  onCancelled(timer: QueuedTimer): void;
}

class QueuedTimer implements RuntimeTimer {
  readonly at: number;
  /** Of two timers for the same moment, the one that was set first runs first. */
  readonly order: number;
  /** Undefined once the timer has run or was cancelled. */
  callback: (() => void) | undefined;
  /** Nobody waits for what it does. */
  readonly isWatching: boolean;
  readonly #owner: Owner;

  constructor(at: number, order: number, callback: () => void, isWatching: boolean, owner: Owner) {
    this.at = at;
    this.order = order;
    this.callback = callback;
    this.isWatching = isWatching;
    this.#owner = owner;
  }

  cancel(): void {
    if (this.callback === undefined) return;
    this.callback = undefined;
    this.#owner.onCancelled(this);
  }
}

/**
 * Timers, ordered by when they are due, then by when they were set. A heap in which each timer has four below it:
 * setting and taking one costs O(log n). The keys lie beside each other, since reading them from the timers would take
 * most of the time where many wait.
 *
 * Cancelling costs O(1), because a cancelled timer stays in the heap. When cancelled timers outnumber the others, the
 * heap is built again without them. So it never holds more than twice the waiting timers, and 64.
 */
export class TimerQueue {
  /** `timers[i]` is due no later than `timers[4 * i + 1]` to `timers[4 * i + 4]`. */
  #timers: QueuedTimer[] = [];
  /** `keys[2 * i]` and `keys[2 * i + 1]`: when `timers[i]` is due, and its order. */
  #keys = new Float64Array(128);
  #cancelled = 0;
  #watching = 0;
  #set = 0;
  readonly #owner: Owner = { onCancelled: (timer) => this.#onCancelled(timer) };

  /** Timers that wait. */
  get size(): number {
    return this.#timers.length - this.#cancelled;
  }

  /** Timers that wait to do some work, rather than to watch. */
  get work(): number {
    return this.size - this.#watching;
  }

  /** Timers in memory: those that wait, and cancelled ones. */
  get heldTimers(): number {
    return this.#timers.length;
  }

  /** When the next timer is due; `Infinity`: there is none. */
  get nextAt(): number {
    this.#dropCancelled();
    return this.#timers.length === 0 ? Number.POSITIVE_INFINITY : this.#keys[0]!;
  }

  /** When each waiting timer is due, the next one first. */
  get dueTimes(): number[] {
    return this.#timers
      .filter(({ callback }) => callback !== undefined)
      .map(({ at }) => at)
      .sort((one, other) => one - other);
  }

  /** @param kind `'last'`: it runs after all other timers of that moment, whenever these are set. */
  add(at: number, callback: () => void, kind?: 'watching' | 'last'): RuntimeTimer {
    const order = this.#set++ + (kind === 'last' ? lastOrder : 0);
    const isWatching = kind === 'watching';
    const timer = new QueuedTimer(at, order, callback, isWatching, this.#owner);
    if (isWatching) this.#watching += 1;
    this.#timers.push(timer);
    if (2 * this.#timers.length > this.#keys.length) this.#resizeKeys();
    this.#rise(this.#timers.length - 1, timer);
    return timer;
  }

  /** Removes the next timer, and returns its callback. */
  take(): (() => void) | undefined {
    this.#dropCancelled();
    const timer = this.#timers[0];
    if (timer === undefined) return undefined;
    this.#removeFirst();
    if (timer.isWatching) this.#watching -= 1;
    const { callback } = timer;
    timer.callback = undefined;
    return callback;
  }

  #dropCancelled(): void {
    while (this.#timers.length > 0 && this.#timers[0]!.callback === undefined) {
      this.#removeFirst();
      this.#cancelled -= 1;
    }
  }

  #onCancelled(timer: QueuedTimer): void {
    this.#cancelled += 1;
    if (timer.isWatching) this.#watching -= 1;
    if (this.#cancelled <= maxIdleCancelled || this.#cancelled * 2 <= this.#timers.length) return;
    this.#timers = this.#timers.filter(({ callback }) => callback !== undefined);
    this.#cancelled = 0;
    this.#resizeKeys();
    for (const [index, one] of this.#timers.entries()) this.#put(index, one);
    for (let index = (this.#timers.length >> 2) + 1; index >= 0; index--) {
      const one = this.#timers[index];
      if (one !== undefined) this.#sink(index, one);
    }
  }

  /** Makes room for twice the timers that there are. */
  #resizeKeys(): void {
    const keys = new Float64Array(Math.max(128, 4 * this.#timers.length));
    keys.set(this.#keys.subarray(0, Math.min(this.#keys.length, keys.length)));
    this.#keys = keys;
  }

  #removeFirst(): void {
    const last = this.#timers.pop()!;
    if (this.#timers.length > 0) this.#sink(0, last);
  }

  #put(index: number, timer: QueuedTimer): void {
    this.#timers[index] = timer;
    this.#keys[2 * index] = timer.at;
    this.#keys[2 * index + 1] = timer.order;
  }

  #move(from: number, to: number): void {
    this.#timers[to] = this.#timers[from]!;
    this.#keys[2 * to] = this.#keys[2 * from]!;
    this.#keys[2 * to + 1] = this.#keys[2 * from + 1]!;
  }

  /** Puts a timer at a place, or above it. */
  #rise(from: number, timer: QueuedTimer): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 2;
      if (!this.#isBefore(timer.at, timer.order, above)) break;
      this.#move(above, index);
      index = above;
    }
    this.#put(index, timer);
  }

  /** Puts a timer at a place, or below it. */
  #sink(from: number, timer: QueuedTimer): void {
    const keys = this.#keys;
    const { length } = this.#timers;
    let index = from;
    for (;;) {
      let first = 4 * index + 1;
      if (first >= length) break;
      const end = Math.min(first + 4, length);
      for (let below = first + 1; below < end; below++) {
        if (this.#isBefore(keys[2 * below]!, keys[2 * below + 1]!, first)) first = below;
      }
      if (this.#isBefore(timer.at, timer.order, first)) break;
      this.#move(first, index);
      index = first;
    }
    this.#put(index, timer);
  }

  /** Whether a timer with these keys runs before the one at a place. */
  #isBefore(at: number, order: number, place: number): boolean {
    const otherAt = this.#keys[2 * place]!;
    return at < otherAt || (at === otherAt && order < this.#keys[2 * place + 1]!);
  }
}
