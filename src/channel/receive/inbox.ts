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
  /** Handles a frame. If it returns a promise, the next frame waits for it. */
  handle(frame: Frame): undefined | Promise<unknown>;
  /**
   * Handling a frame that had to wait failed, and not in a handler of the user's. The connection has to end. If this
   * method did not take the error, the process would end.
   */
  onFailure(error: unknown): void;
  /** Called with the cost of each frame once it is handled, and with 0 when the inbox opens. */
  onHandled?(costBytes: number): void;
  /** Called with the cost of all waiting frames when it changes. */
  onWaiting?(bytes: number): void;
}

/** The queue of an empty inbox. */
const none: undefined[] = [];

/** Memory of the objects around a frame's body. */
export function costOf(bodyBytes: number): number {
  return bodyBytes + messageCostBytes;
}

/**
 * The frames of a connection that wait for the user's handlers. Frames are handled one at a time and in order; an
 * asynchronous handler delays the next frame. Thousands may wait for one slow handler, so the inbox yields to the event
 * loop between them.
 */
export class Inbox {
  /** Called with the bytes that are newly kept. */
  onGrowth: (bytes: number) => void = ignore;

  readonly #owner: InboxOwner;
  readonly #turns: LoopTurns;
  /** The turn of the event loop in which waiting frames were last handled, and the time at which it began. */
  #turn = -1;
  #turnBeganAtMs = 0;
  #busy = true;
  #waiting: (KeptFrame | undefined)[] = none;
  #next = 0;
  #waitingBytes = 0;
  /** Created for the first waiting frame. */
  #bodies: KeptBodies | undefined;
  /** The cost of the frame that is being handled. */
  #currentBytes = 0;
  /** The memory that this frame holds while a slow handler runs. */
  #inHandBytes = 0;
  readonly #idle = new Waiters();

  /** Creates an inbox that holds everything back until {@link Inbox.open}. */
  constructor(owner: InboxOwner) {
    this.#owner = owner;
    this.#turns = LoopTurns.of(owner.runtime);
  }

  /** Whether nothing waits and nothing is being handled. A frame that arrives now may be handled at once. */
  get isIdle(): boolean {
    return !this.#busy;
  }

  /** Memory of the waiting frames and of the frame that is being handled. */
  get heldBytes(): number {
    return this.#waitingBytes + this.#inHandBytes;
  }

  /** The cost of the waiting frames and of the frame that is being handled. */
  get unhandledBytes(): number {
    return this.#waitingBytes + this.#currentBytes;
  }

  /** How many frames wait. */
  get waitingCount(): number {
    return this.#waiting.length - this.#next;
  }

  /** The cost of the waiting frames. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Holds frames back until `pending` has settled. `costBytes` counts as being handled until then. */
  wait(pending: Promise<unknown>, costBytes: number): void {
    this.#busy = true;
    this.#currentBytes = costBytes;
    this.#runAfter(pending);
  }

  /** Counts these bytes as held until the next frame is handled. */
  takeInHand(bytes: number): void {
    this.#inHandBytes = bytes;
    this.onGrowth(bytes);
  }

  /**
   * Runs work on the present frame that may take long, and counts `bytes` until it is done. After that, the work's own
   * call of {@link Inbox.takeInHand} decides what counts.
   */
  heldWhile(bytes: number, work: () => undefined | Promise<unknown>): undefined | Promise<unknown> {
    this.#inHandBytes = 0;
    const pending = work();
    if (pending !== undefined && this.#inHandBytes === 0) this.takeInHand(bytes);
    return pending;
  }

  /** Starts handling the frames that have arrived so far, once `before` has settled. */
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

  /** Drops the waiting frames. @returns their cost. */
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

  /** Whether this turn has time left. All computing in the turn counts; time in which handlers await does not. */
  get #hasShare(): boolean {
    const { turn } = this.#turns;
    const now = this.#owner.runtime.now();
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#turnBeganAtMs = now;
    }
    return now - this.#turnBeganAtMs < shareMs;
  }

  /** Called between the steps of long work. Returns `undefined` to continue now, or a promise to wait for. */
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
