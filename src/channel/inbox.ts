import type { Frame } from '../wire/frame-reader.ts';

/** What a frame costs beside its memory, so that many tiny ones are bounded too. */
const frameCostBytes = 128;

/** The same for a compressed one: nobody knows yet what it will unfold to. */
const compressedFrameCostBytes = 64 * 1024;

/** The places of handled frames at the front of the queue are given up in lots. */
const lotLength = 1_024;

interface Waiting {
  readonly frame: Frame;
  readonly costBytes: number;
}

export interface InboxOptions {
  /** Paused past the limit. */
  readonly link: { pause(): void; resume(): void };
  readonly maxBytes: number;
  /** Handles a frame; the next one waits for the promise, if there is one. */
  readonly handle: (frame: Frame) => undefined | Promise<unknown>;
  /**
   * Handling a frame that had to wait failed, for another reason than a handler of the user's: the connection has to
   * end. Nobody else would catch the error, and the process would end in its place.
   */
  readonly onFailure: (error: unknown) => void;
}

/**
 * The frames of a connection that wait for the user's handlers: one is handled at a time, in order, and an
 * asynchronous handler holds up the next. Past the limit the link is paused, so the other side is held back.
 */
export class Inbox {
  /** Told of what is kept anew. */
  onGrowth: (bytes: number) => void = () => {};

  readonly #options: InboxOptions;

  #busy = true;
  #waiting: (Waiting | undefined)[] = [];
  #next = 0;
  #waitingBytes = 0;
  #lastBuffer: ArrayBufferLike | undefined;
  /** Of requests that are being answered. */
  #answeringBytes = 0;
  /** Of what is being handled, when that takes long. */
  #inHandBytes = 0;
  #onRoom: (() => void) | undefined;
  #paused = false;
  #idleWaiters: (() => void)[] = [];

  /** Holds everything back until {@link Inbox.open}. */
  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Nothing waits and nothing is being handled: what comes now may be handled at once. */
  get isIdle(): boolean {
    return !this.#busy;
  }

  /** What waits, and what is in the hands of the user. */
  get heldBytes(): number {
    return this.#waitingBytes + this.#answeringBytes + this.#inHandBytes;
  }

  /** Holds back what comes until something handled outside has settled. */
  wait(pending: Promise<unknown>): void {
    this.#busy = true;
    this.#runAfter(pending);
  }

  /** Counts what is being handled, until the next is. */
  takeInHand(bytes: number): void {
    this.#inHandBytes = bytes;
    this.onGrowth(bytes);
  }

  /**
   * Does something that may take long with what is in hand, and counts so many bytes until it is done: what is found
   * out in the end counts instead, see {@link Inbox.takeInHand}.
   */
  heldWhile(bytes: number, work: () => undefined | Promise<unknown>): undefined | Promise<unknown> {
    this.#inHandBytes = 0;
    const pending = work();
    if (pending !== undefined && this.#inHandBytes === 0) this.takeInHand(bytes);
    return pending;
  }

  /** Begins with what has come so far, after `before` has settled. */
  open(before: undefined | Promise<unknown>): void {
    if (before === undefined) this.#run();
    else this.#runAfter(before);
  }

  /** Handles a frame now, or keeps it while another is being handled. @throws what handling it throws. */
  offer(frame: Frame): void {
    if (this.#busy) {
      this.#keep(frame);
      return;
    }
    const pending = this.#options.handle(frame);
    if (pending !== undefined) this.wait(pending);
  }

  /**
   * Counts what was handed over and is still in somebody's hands.
   *
   * @returns where that is too much, a promise of room: until then nothing more should be handed over.
   */
  hold(bytes: number): undefined | Promise<void> {
    this.#answeringBytes += bytes + frameCostBytes;
    this.onGrowth(bytes + frameCostBytes);
    this.#pauseOrResume();
    if (this.#answeringBytes <= this.#options.maxBytes) return undefined;
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  /** Counts it no more. */
  release(bytes: number): void {
    this.#answeringBytes -= bytes + frameCostBytes;
    this.#pauseOrResume();
    if (this.#answeringBytes <= this.#options.maxBytes) this.makeRoom();
  }

  /** Goes on, however much is still in somebody's hands. */
  makeRoom(): void {
    this.#onRoom?.();
    this.#onRoom = undefined;
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
    this.#waitingBytes = 0;
    this.#lastBuffer = undefined;
    this.#pauseOrResume();
  }

  /** Frames share the memory that they arrived in, and all of it is kept while one of them waits. */
  #keep(frame: Frame): void {
    const { buffer } = frame.body;
    const costBytes =
      (frame.compression === 0 ? frameCostBytes : compressedFrameCostBytes) +
      (buffer === this.#lastBuffer ? 0 : buffer.byteLength);
    this.#lastBuffer = buffer;
    this.#waiting.push({ frame, costBytes });
    this.#waitingBytes += costBytes;
    this.onGrowth(costBytes);
    this.#pauseOrResume();
  }

  #take(): Frame | undefined {
    const first = this.#waiting[this.#next];
    if (first === undefined) return undefined;
    this.#waiting[this.#next++] = undefined;
    if (this.#next === lotLength) {
      this.#waiting.splice(0, lotLength);
      this.#next = 0;
    }
    this.#waitingBytes -= first.costBytes;
    this.#pauseOrResume();
    return first.frame;
  }

  #pauseOrResume(): void {
    const bytes = this.#waitingBytes + this.#answeringBytes;
    if (this.#paused ? bytes > this.#options.maxBytes / 2 : bytes <= this.#options.maxBytes) return;
    this.#paused = !this.#paused;
    if (this.#paused) this.#options.link.pause();
    else this.#options.link.resume();
  }

  #runAfter(pending: Promise<unknown>): void {
    void pending.catch((error: unknown) => this.#options.onFailure(error)).then(() => this.#run());
  }

  #handleWaiting(frame: Frame): undefined | Promise<unknown> {
    try {
      return this.#options.handle(frame);
    } catch (error) {
      this.#options.onFailure(error);
      return undefined;
    }
  }

  #run(): void {
    this.#busy = true;
    this.#inHandBytes = 0;
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) {
      const pending = this.#handleWaiting(frame);
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
