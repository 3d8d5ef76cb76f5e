import type { Frame } from '../wire/frame-reader.ts';

/** What a waiting frame costs beside its body, so that many tiny ones are bounded too. */
const frameCostBytes = 128;

/**
 * The frames of a connection that wait for the user's handlers: one is handled at a time, in order, and an
 * asynchronous handler holds up the next. Past the limit the link is paused, so the other side is held back.
 */
export class Inbox {
  readonly #handle: (frame: Frame) => undefined | Promise<unknown>;
  readonly #link: { pause(): void; resume(): void };
  readonly #maxBytes: number;

  #busy = true;
  #waiting: Frame[] = [];
  #next = 0;
  #unhandledBytes = 0;
  #paused = false;
  #idleWaiters: (() => void)[] = [];

  /** Holds everything back until {@link Inbox.open}. */
  constructor(
    link: { pause(): void; resume(): void },
    handle: (frame: Frame) => undefined | Promise<unknown>,
    maxBytes: number,
  ) {
    this.#link = link;
    this.#handle = handle;
    this.#maxBytes = maxBytes;
  }

  /** Nothing waits and nothing is being handled: what comes now may be handled at once. */
  get isIdle(): boolean {
    return !this.#busy;
  }

  /** Holds back what comes until something handled outside has settled. */
  wait(pending: Promise<unknown>): void {
    this.#busy = true;
    this.#runAfter(pending);
  }

  /** Reading is paused because too much waits. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Begins with what has come so far, after `before` has settled. */
  open(before: undefined | Promise<unknown>): void {
    if (before === undefined) this.#run();
    else this.#runAfter(before);
  }

  /** Handles a frame now, or keeps it while another is being handled. */
  offer(frame: Frame): void {
    if (this.#busy) {
      this.#waiting.push(frame);
      this.charge(frame);
      return;
    }
    const pending = this.#handle(frame);
    if (pending !== undefined) this.wait(pending);
  }

  /** Counts a frame that is still in somebody's hands. */
  charge(frame: Frame): void {
    this.#unhandledBytes += frame.body.length + frameCostBytes;
    if (!this.#paused && this.#unhandledBytes > this.#maxBytes) {
      this.#paused = true;
      this.#link.pause();
    }
  }

  /** Counts it no more. */
  release(frame: Frame): void {
    this.#unhandledBytes -= frame.body.length + frameCostBytes;
    if (this.#paused && this.#unhandledBytes <= this.#maxBytes / 2) {
      this.#paused = false;
      this.#link.resume();
    }
  }

  /** Resolves when nothing waits and nothing is being handled. */
  idle(): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = [];
    this.#next = 0;
  }

  #runAfter(pending: Promise<unknown>): void {
    void pending.then(() => this.#run());
  }

  #run(): void {
    this.#busy = true;
    while (this.#next < this.#waiting.length) {
      const frame = this.#waiting[this.#next++]!;
      this.release(frame);
      const pending = this.#handle(frame);
      if (pending !== undefined) {
        this.#runAfter(pending);
        return;
      }
    }
    this.clear();
    this.#busy = false;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const wake of waiters) wake();
  }
}
