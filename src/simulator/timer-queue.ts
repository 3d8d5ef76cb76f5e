import type { RuntimeTimer } from '../base/runtime.ts';

/** Cancelled timers that may stay in the queue before it is built again. */
const maxIdleCancelled = 64;

/** Added to the order of timers that run last: more timers than will ever be set. */
const lastOrder = 2 ** 52;

interface Owner {
  onCancelled(timer: QueuedTimer): void;
}

interface Place {
  readonly timer: QueuedTimer;
  readonly at: number;
  readonly order: number;
}

class QueuedTimer implements RuntimeTimer {
  /** Undefined once the timer has run or was cancelled. */
  callback: (() => void) | undefined;
  /** The timer only watches: nothing waits for what it does. */
  readonly isWatching: boolean;
  readonly #owner: Owner;

  constructor(callback: () => void, isWatching: boolean, owner: Owner) {
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
  /**
   * `keys[2 * i]` and `keys[2 * i + 1]`: when `timers[i]` is due, and its order. Of two timers for the same moment, the
   * one that was set first runs first.
   */
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
    const times: number[] = [];
    for (const [index, { callback }] of this.#timers.entries()) {
      if (callback !== undefined) times.push(this.#keys[2 * index]!);
    }
    return times.sort((one, other) => one - other);
  }

  /** @param kind `'last'`: it runs after all other timers of that moment, whenever these are set. */
  add(at: number, callback: () => void, kind?: 'watching' | 'last'): RuntimeTimer {
    const order = this.#set++ + (kind === 'last' ? lastOrder : 0);
    const isWatching = kind === 'watching';
    const timer = new QueuedTimer(callback, isWatching, this.#owner);
    if (isWatching) this.#watching += 1;
    const index = this.#timers.push(timer) - 1;
    if (2 * index >= this.#keys.length) this.#resizeKeys();
    this.#keys[2 * index] = at;
    this.#keys[2 * index + 1] = order;
    this.#rise(index);
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
    this.#cancelled = 0;
    let count = 0;
    for (let index = 0; index < this.#timers.length; index++) {
      if (this.#timers[index]!.callback !== undefined) this.#move(index, count++);
    }
    this.#timers.length = count;
    this.#resizeKeys();
    for (let index = (count >> 2) + 1; index >= 0; index--) if (index < count) this.#sink(index);
  }

  /** Makes room for twice the timers that there are. */
  #resizeKeys(): void {
    const keys = new Float64Array(Math.max(128, 4 * this.#timers.length));
    keys.set(this.#keys.subarray(0, Math.min(this.#keys.length, keys.length)));
    this.#keys = keys;
  }

  #removeFirst(): void {
    const last = this.#timers.length - 1;
    this.#move(last, 0);
    this.#timers.pop();
    if (last > 0) this.#sink(0);
  }

  #put(index: number, { timer, at, order }: Place): void {
    this.#timers[index] = timer;
    this.#keys[2 * index] = at;
    this.#keys[2 * index + 1] = order;
  }

  #move(from: number, to: number): void {
    this.#timers[to] = this.#timers[from]!;
    this.#keys[2 * to] = this.#keys[2 * from]!;
    this.#keys[2 * to + 1] = this.#keys[2 * from + 1]!;
  }

  /** Moves what is at a place upwards until it is in order. */
  #rise(from: number): void {
    const timer = this.#timers[from]!;
    const at = this.#keys[2 * from]!;
    const order = this.#keys[2 * from + 1]!;
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 2;
      if (!this.#isBefore(at, order, above)) break;
      this.#move(above, index);
      index = above;
    }
    this.#put(index, { timer, at, order });
  }

  /** Moves what is at a place downwards until it is in order. */
  #sink(from: number): void {
    const keys = this.#keys;
    const timer = this.#timers[from]!;
    const at = keys[2 * from]!;
    const order = keys[2 * from + 1]!;
    const { length } = this.#timers;
    let index = from;
    for (;;) {
      let first = 4 * index + 1;
      if (first >= length) break;
      const end = Math.min(first + 4, length);
      for (let below = first + 1; below < end; below++) {
        if (this.#isBefore(keys[2 * below]!, keys[2 * below + 1]!, first)) first = below;
      }
      if (this.#isBefore(at, order, first)) break;
      this.#move(first, index);
      index = first;
    }
    this.#put(index, { timer, at, order });
  }

  /** Whether a timer with these keys runs before the one at a place. */
  #isBefore(at: number, order: number, place: number): boolean {
    const otherAt = this.#keys[2 * place]!;
    return at < otherAt || (at === otherAt && order < this.#keys[2 * place + 1]!);
  }
}
