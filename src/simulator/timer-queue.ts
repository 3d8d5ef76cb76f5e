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
 * Timers, ordered by when they are due, then by when they were set. A binary heap: setting and taking one costs
 * O(log n).
 *
 * Cancelling costs O(1), because a cancelled timer stays in the heap. When cancelled timers outnumber the others, the
 * heap is built again without them. So it never holds more than twice the waiting timers, and 64.
 */
export class TimerQueue {
  /** `heap[i]` is due no later than `heap[2 * i + 1]` and `heap[2 * i + 2]`. */
  #heap: QueuedTimer[] = [];
  #cancelled = 0;
  #watching = 0;
  #set = 0;
  readonly #owner: Owner = { onCancelled: (timer) => this.#onCancelled(timer) };

  /** Timers that wait. */
  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Timers that wait to do some work, rather than to watch. */
  get work(): number {
    return this.size - this.#watching;
  }

  /** Timers in memory: those that wait, and cancelled ones. */
  get heldTimers(): number {
    return this.#heap.length;
  }

  /** When the next timer is due; `Infinity`: there is none. */
  get nextAt(): number {
    this.#dropCancelled();
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** When each waiting timer is due, the next one first. */
  get dueTimes(): number[] {
    return this.#heap
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
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    return timer;
  }

  /** Removes the next timer, and returns its callback. */
  take(): (() => void) | undefined {
    this.#dropCancelled();
    const timer = this.#heap[0];
    if (timer === undefined) return undefined;
    this.#removeFirst();
    if (timer.isWatching) this.#watching -= 1;
    const { callback } = timer;
    timer.callback = undefined;
    return callback;
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]!.callback === undefined) {
      this.#removeFirst();
      this.#cancelled -= 1;
    }
  }

  #onCancelled(timer: QueuedTimer): void {
    this.#cancelled += 1;
    if (timer.isWatching) this.#watching -= 1;
    if (this.#cancelled <= maxIdleCancelled || this.#cancelled * 2 <= this.#heap.length) return;
    this.#heap = this.#heap.filter(({ callback }) => callback !== undefined);
    this.#cancelled = 0;
    for (let index = (this.#heap.length >> 1) - 1; index >= 0; index--) this.#sink(index);
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const timer = heap[from]!;
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (!isBefore(timer, heap[above]!)) break;
      heap[index] = heap[above]!;
      index = above;
    }
    heap[index] = timer;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const timer = heap[from]!;
    let index = from;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
      if (!isBefore(heap[below]!, timer)) break;
      heap[index] = heap[below]!;
      index = below;
    }
    heap[index] = timer;
  }
}

function isBefore(one: QueuedTimer, other: QueuedTimer): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
