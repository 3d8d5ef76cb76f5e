import { LoopTurns } from '../../base/loop-turns.ts';
import type { Runtime } from '../../base/runtime.ts';
import { Waiters } from '../../base/waiters.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { messageCostBytes } from '../../wire/frames/windows.ts';
import { KeptBodies, type KeptFrame } from './kept-bodies.ts';

/** The queue drops the handled frames at its front when there are this many. */
const lotLength = 1_024;

/** Milliseconds of one turn of the event loop. Frames that still wait after that are handled in another turn. */
const shareMs = 3;

/** The owner of the frames in an inbox. */
export interface InboxOwner {
  readonly runtime: Runtime;
  /** Handles a frame; the next one waits for the promise, if there is one. */
  handle(frame: Frame): undefined | Promise<unknown>;
  /**
   * Handling a frame that had to wait failed, for another reason than a handler of the user's: the connection has to
   * end. Nobody else would catch the error, and the process would end in its place.
   */
  onFailure(error: unknown): void;
  /** Told of what a frame costs once it was handled; of nothing for what was handled before the first frame. */
  onHandled?(costBytes: number): void;
  /** Told of what waits when it becomes more or less. */
  onWaiting?(bytes: number): void;
}

/** The queue of an inbox in which nothing waits. */
const none: undefined[] = [];

/** Memory of the objects around a frame's body. */
export function costOf(bodyBytes: number): number {
  return bodyBytes + messageCostBytes;
}

/**
 * The frames of a connection that wait for the user's handlers: one is handled at a time, in order, and an
 * asynchronous handler holds up the next. Thousands may wait for one slow handler, so they are handled in turns with
 * everything else that the node does.
 */
export class Inbox {
  /** Told of what is kept anew. */
  onGrowth: (bytes: number) => void = ignore;

  readonly #owner: InboxOwner;
  readonly #turns: LoopTurns;
  /** The turn of the event loop in which frames that waited were handled last, and when that began. */
  #turn = -1;
  #turnBeganAtMs = 0;
  #busy = true;
  #waiting: (KeptFrame | undefined)[] = none;
  #next = 0;
  #waitingBytes = 0;
  /** From the first frame on that waits. */
  #bodies: KeptBodies | undefined;
  /** What the frame costs that is being handled. */
  #currentBytes = 0;
  /** What it holds, when handling it takes long. */
  #inHandBytes = 0;
  readonly #idle = new Waiters();

  /** Holds everything back until {@link Inbox.open}. */
  constructor(owner: InboxOwner) {
    this.#owner = owner;
    this.#turns = LoopTurns.of(owner.runtime);
  }

  /** Nothing waits and nothing is being handled: what comes now may be handled at once. */
  get isIdle(): boolean {
    return !this.#busy;
  }

  /** What waits, and what is in the hands of the user. */
  get heldBytes(): number {
    return this.#waitingBytes + this.#inHandBytes;
  }

  /** What the frames cost that wait, and the one that is being handled. */
  get unhandledBytes(): number {
    return this.#waitingBytes + this.#currentBytes;
  }

  /** How many frames wait. */
  get waitingCount(): number {
    return this.#waiting.length - this.#next;
  }

  /** What these cost. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Holds back what comes until something handled outside has settled, which costs so much. */
  wait(pending: Promise<unknown>, costBytes: number): void {
    this.#busy = true;
    this.#currentBytes = costBytes;
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
    const costBytes = costOf(frame.body.length);
    const pending = this.#owner.handle(frame);
    if (pending === undefined) this.#owner.onHandled?.(costBytes);
    else this.wait(pending, costBytes);
  }

  /** Resolves when nothing waits and nothing is being handled. */
  idle(): Promise<void> {
    return this.#busy ? this.#idle.wait() : Promise.resolve();
  }

  /** Forgets what waits. @returns what that cost. */
  clear(): number {
    const waitingBytes = this.#waitingBytes;
    this.#waiting = none;
    this.#next = 0;
    this.#bodies?.clear();
    if (waitingBytes > 0) this.#addWaiting(-waitingBytes);
    return waitingBytes;
  }

  #keep(frame: Frame): void {
    const kept = { frame };
    const costBytes = costOf(frame.body.length);
    if (this.#waiting === none) this.#waiting = [];
    this.#waiting.push(kept);
    this.#bodies ??= new KeptBodies();
    this.#bodies.keep(kept);
    this.#addWaiting(costBytes);
    this.onGrowth(costBytes);
  }

  #take(): Frame | undefined {
    const kept = this.#waiting[this.#next];
    if (kept === undefined) return undefined;
    this.#waiting[this.#next++] = undefined;
    if (this.#next === lotLength) {
      this.#waiting.splice(0, lotLength);
      this.#next = 0;
    }
    this.#addWaiting(-costOf(kept.frame.body.length));
    return kept.frame;
  }

  #addWaiting(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#owner.onWaiting?.(this.#waitingBytes);
  }

  #runAfter(pending: Promise<unknown>): void {
    pending.then(
      () => this.#run(),
      (error: unknown) => {
        this.#owner.onFailure(error);
        this.#run();
      },
    );
  }

  #handleWaiting(frame: Frame): undefined | Promise<unknown> {
    try {
      return this.#owner.handle(frame);
    } catch (error) {
      this.#owner.onFailure(error);
      return undefined;
    }
  }

  #endCurrent(): void {
    const costBytes = this.#currentBytes;
    this.#inHandBytes = this.#currentBytes = 0;
    this.#owner.onHandled?.(costBytes);
  }

  #run(): void {
    this.#busy = true;
    this.#endCurrent();
    this.#handleAll();
  }

  /** Whatever computes in this turn counts: handlers that await may do so in their own time. */
  get #hasShare(): boolean {
    const { turn } = this.#turns;
    const now = this.#owner.runtime.now();
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#turnBeganAtMs = now;
    }
    return now - this.#turnBeganAtMs < shareMs;
  }

  /** Asked between the steps of what takes long to handle: `undefined` to go on, or a promise of when to. */
  pause(): undefined | Promise<void> {
    return this.#hasShare ? undefined : new Promise((resolve) => this.#turns.wait(resolve));
  }

  readonly #handleAll = (): void => {
    while (this.waitingCount > 0) {
      if (!this.#hasShare) {
        this.#turns.wait(this.#handleAll);
        return;
      }
      const frame = this.#take()!;
      this.#currentBytes = costOf(frame.body.length);
      const pending = this.#handleWaiting(frame);
      if (pending !== undefined) {
        this.#runAfter(pending);
        return;
      }
      this.#endCurrent();
    }
    this.clear();
    this.#busy = false;
    this.#idle.wake();
  };
}

function ignore(): void {}
