import type { RuntimeTimer } from '../base/runtime.ts';

/** How many cancelled timers may stay in the queue before it is rebuilt. */
const maxIdleCancelled = 64;

/** Added to the order of timers that run last. It exceeds the number of timers that will ever be set. */
const lastOrder = 2 ** 52;

/** The order of a task that is not in the queue. */
const notWaiting = -1;

interface Place {
  readonly task: Task;
  readonly at: number;
  readonly order: number;
}

/** Something that happens at a certain time. It may be queued repeatedly, but only once at a time. */
export abstract class Task {
  /** Whether the task only watches: it does not count as work. */
  abstract readonly isWatching: boolean;
  /** The position among all tasks of the queue. The queue sets it. */
  order = notWaiting;

  abstract run(): void;
}

/** A task that calls back once. */
class CallbackTimer extends Task implements RuntimeTimer {
  readonly isWatching: boolean;
  readonly #queue: TimerQueue;
  /** `undefined` once the timer has run or was cancelled. */
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
 * A queue of tasks, ordered by due time, then by the order in which they were added. It is a 4-ary heap: adding and
 * taking a task costs O(log n). The keys are in one array, because reading them from the tasks would take most of the
 * time in a large queue.
 *
 * Cancelling costs O(1), because a cancelled task keeps its place in the heap. When there are more than 64 cancelled
 * tasks, and more of them than of waiting tasks, the heap is rebuilt without them. So their number never exceeds that
 * of the waiting tasks or 64.
 */
export class TimerQueue {
  /** `tasks[i]` is due no later than `tasks[4 * i + 1]` to `tasks[4 * i + 4]`. */
  #tasks: Task[] = [];
  /**
   * `keys[2 * i]` is the due time of `tasks[i]`, and `keys[2 * i + 1]` its order. Tasks with the same due time run in
   * order. If the order of the task itself differs from its key, this place was cancelled.
   */
  #keys = new Float64Array(128);
  #cancelled = 0;
  #watching = 0;
  #set = 0;

  /** How many timers wait. */
  get size(): number {
    return this.#tasks.length - this.#cancelled;
  }

  /** How many waiting timers count as work and do not only watch. */
  get work(): number {
    return this.size - this.#watching;
  }

  /** How many timers are in memory, including cancelled ones. */
  get heldTimers(): number {
    return this.#tasks.length;
  }

  /** When the next timer is due. `Infinity` if there is none. */
  get nextAt(): number {
    this.#dropCancelled();
    return this.#tasks.length === 0 ? Number.POSITIVE_INFINITY : this.#keys[0]!;
  }

  /** When each waiting timer is due, in ascending order. */
  get dueTimes(): number[] {
    const times: number[] = [];
    for (let index = 0; index < this.#tasks.length; index++) {
      if (this.#isWaiting(index)) times.push(this.#keys[2 * index]!);
    }
    return times.sort((one, other) => one - other);
  }

  /** @param kind `'last'`: the timer runs after all other timers of that moment, even those that are set later. */
  add(at: number, callback: () => void, kind?: 'watching' | 'last'): RuntimeTimer {
    const timer = new CallbackTimer(callback, kind === 'watching', this);
    this.put(at, timer, kind === 'last');
    return timer;
  }

  /** Adds a task that is not in the queue. @param isLast like the kind `'last'` of {@link TimerQueue.add}. */
  put(at: number, task: Task, isLast = false): void {
    const order = this.#set++ + (isLast ? lastOrder : 0);
    task.order = order;
    if (task.isWatching) this.#watching += 1;
    const index = this.#tasks.push(task) - 1;
    if (2 * index >= this.#keys.length) this.#resizeKeys();
    this.#rise({ task, at, order }, index);
  }

  /** Removes the next task and returns it. */
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

  /** Cancels a task. Does nothing if the task is not in the queue. */
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

  /** Makes room for twice the present number of timers. */
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

  /** Moves a task from a place upwards until it is in order. */
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

  /** Moves the task at a place downwards until it is in order. */
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

  /** Whether a task with these keys runs before the task at a place. */
  #isBefore(at: number, order: number, place: number): boolean {
    const otherAt = this.#keys[2 * place]!;
    return at < otherAt || (at === otherAt && order < this.#keys[2 * place + 1]!);
  }
}
