import type { RuntimeTimer } from '../base/runtime.ts';

/** Cancelled timers that may stay in the queue before it is built again. */
const maxIdleCancelled = 64;

/** Added to the order of timers that run last: more timers than will ever be set. */
const lastOrder = 2 ** 52;

/** The order of a task that waits for nothing. */
const notWaiting = -1;

interface Place {
  readonly task: Task;
  readonly at: number;
  readonly order: number;
}

/** Something that happens at a moment. It may wait again and again, but only for one moment at a time. */
export abstract class Task {
  /** The task only watches: nothing waits for what it does. */
  abstract readonly isWatching: boolean;
  /** Among all tasks of the queue. The queue sets it. */
  order = notWaiting;

  abstract run(): void;
}

/** A task that calls back once. */
class CallbackTimer extends Task implements RuntimeTimer {
  readonly isWatching: boolean;
  readonly #queue: TimerQueue;
  /** Undefined once the timer has run or was cancelled. */
  #callback: (() => void) | undefined;

  constructor(callback: () => void, isWatching: boolean, queue: TimerQueue) {
    super();
    this.#callback = callback;
    this.isWatching = isWatching;
    this.#queue = queue;
  }

  run(): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }

  cancel(): void {
    this.#callback = undefined;
    this.#queue.cancel(this);
  }
}

/**
 * Tasks, ordered by when they are due, then by when they were set. A heap in which each task has four below it:
 * setting and taking one costs O(log n). The keys lie beside each other, since reading them from the tasks would take
 * most of the time where many wait.
 *
 * Cancelling costs O(1), because the place of a cancelled task stays in the heap. When such places outnumber the others,
 * the heap is built again without them. So it never holds more than twice the waiting tasks, and 64.
 */
export class TimerQueue {
  /** `tasks[i]` is due no later than `tasks[4 * i + 1]` to `tasks[4 * i + 4]`. */
  #tasks: Task[] = [];
  /**
   * `keys[2 * i]` and `keys[2 * i + 1]`: when `tasks[i]` is due, and its order. Of two tasks for the same moment, the one
   * that was set first runs first. A task that has another order now was cancelled here.
   */
  #keys = new Float64Array(128);
  #cancelled = 0;
  #watching = 0;
  #set = 0;

  /** Timers that wait. */
  get size(): number {
    return this.#tasks.length - this.#cancelled;
  }

  /** Timers that wait to do some work, rather than to watch. */
  get work(): number {
    return this.size - this.#watching;
  }

  /** Timers in memory: those that wait, and cancelled ones. */
  get heldTimers(): number {
    return this.#tasks.length;
  }

  /** When the next timer is due; `Infinity`: there is none. */
  get nextAt(): number {
    this.#dropCancelled();
    return this.#tasks.length === 0 ? Number.POSITIVE_INFINITY : this.#keys[0]!;
  }

  /** When each waiting timer is due, the next one first. */
  get dueTimes(): number[] {
    const times: number[] = [];
    for (let index = 0; index < this.#tasks.length; index++) {
      if (this.#isWaiting(index)) times.push(this.#keys[2 * index]!);
    }
    return times.sort((one, other) => one - other);
  }

  /** @param kind `'last'`: it runs after all other timers of that moment, whenever these are set. */
  add(at: number, callback: () => void, kind?: 'watching' | 'last'): RuntimeTimer {
    const timer = new CallbackTimer(callback, kind === 'watching', this);
    this.put(at, timer, kind === 'last');
    return timer;
  }

  /** Adds a task that does not wait. @param isLast as in {@link TimerQueue.add}. */
  put(at: number, task: Task, isLast = false): void {
    const order = this.#set++ + (isLast ? lastOrder : 0);
    task.order = order;
    if (task.isWatching) this.#watching += 1;
    const index = this.#tasks.push(task) - 1;
    if (2 * index >= this.#keys.length) this.#resizeKeys();
    this.#rise({ task, at, order }, index);
  }

  /** Removes the next task, and returns it. */
  take(): Task | undefined {
    this.#dropCancelled();
    const task = this.#tasks[0];
    if (task === undefined) return undefined;
    this.#removeFirst();
    task.order = notWaiting;
    if (task.isWatching) this.#watching -= 1;
    return task;
  }

  #isWaiting(index: number): boolean {
    return this.#tasks[index]!.order === this.#keys[2 * index + 1]!;
  }

  #dropCancelled(): void {
    while (this.#tasks.length > 0 && !this.#isWaiting(0)) {
      this.#removeFirst();
      this.#cancelled -= 1;
    }
  }

  /** Does nothing if the task does not wait. */
  cancel(task: Task): void {
    if (task.order === notWaiting) return;
    task.order = notWaiting;
    this.#cancelled += 1;
    if (task.isWatching) this.#watching -= 1;
    if (this.#cancelled <= maxIdleCancelled || this.#cancelled * 2 <= this.#tasks.length) return;
    this.#cancelled = 0;
    let count = 0;
    for (let index = 0; index < this.#tasks.length; index++) {
      if (this.#isWaiting(index)) this.#move(index, count++);
    }
    this.#tasks.length = count;
    this.#resizeKeys();
    for (let index = (count >> 2) + 1; index >= 0; index--) if (index < count) this.#sink(index);
  }

  /** Makes room for twice the timers that there are. */
  #resizeKeys(): void {
    const keys = new Float64Array(Math.max(128, 4 * this.#tasks.length));
    keys.set(this.#keys.subarray(0, Math.min(this.#keys.length, keys.length)));
    this.#keys = keys;
  }

  #removeFirst(): void {
    const last = this.#tasks.length - 1;
    this.#move(last, 0);
    this.#tasks.pop();
    if (last > 0) this.#sink(0);
  }

  #put(index: number, { task, at, order }: Place): void {
    this.#tasks[index] = task;
    this.#keys[2 * index] = at;
    this.#keys[2 * index + 1] = order;
  }

  #move(from: number, to: number): void {
    this.#tasks[to] = this.#tasks[from]!;
    this.#keys[2 * to] = this.#keys[2 * from]!;
    this.#keys[2 * to + 1] = this.#keys[2 * from + 1]!;
  }

  /** Puts a task at a place, or above it, where it is in order. */
  #rise(place: Place, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 2;
      if (!this.#isBefore(place.at, place.order, above)) break;
      this.#move(above, index);
      index = above;
    }
    this.#put(index, place);
  }

  /** Moves what is at a place downwards until it is in order. */
  #sink(from: number): void {
    const keys = this.#keys;
    const task = this.#tasks[from]!;
    const at = keys[2 * from]!;
    const order = keys[2 * from + 1]!;
    const { length } = this.#tasks;
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
    this.#put(index, { task, at, order });
  }

  /** Whether a task with these keys runs before the one at a place. */
  #isBefore(at: number, order: number, place: number): boolean {
    const otherAt = this.#keys[2 * place]!;
    return at < otherAt || (at === otherAt && order < this.#keys[2 * place + 1]!);
  }
}
