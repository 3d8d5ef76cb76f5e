import { PeerloomError } from './errors.ts';
import { LoopTurns } from './loop-turns.ts';
import type { Runtime } from './runtime.ts';

/** Milliseconds that one neighbour's work may take in one turn of the event loop. */
const shareMs = 3;

interface Waiting {
  go(): void;
  drop(error: Error): void;
}

/**
 * Limits what this node computes for one neighbour in one turn of the event loop. Proving a message of a few hundred
 * bytes takes a fifth of a millisecond if its author is new, and thousands can arrive, or have waited, at the same
 * moment.
 */
export class TurnShare {
  readonly #runtime: Runtime;
  readonly #turns: LoopTurns;
  /** In the order of the calls. */
  #waiting: Waiting[] = [];
  #turn = -1;
  /** Computed in this turn. */
  #tookMs = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#turns = LoopTurns.of(runtime);
  }

  /**
   * Runs some work now, or in a later turn if the share of this one is used up.
   *
   * @returns the result of the work. Throws what it throws, or rejects with it.
   */
  run<Result>(work: () => Result | Promise<Result>): Result | Promise<Result> {
    if (this.#waiting.length === 0 && this.#hasShare) return this.#timed(work);
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const go = (): void => {
      try {
        resolve(this.#timed(work));
      } catch (error) {
        reject(error);
      }
    };
    this.#waiting.push({ go, drop: reject });
    this.#turns.wait(this.#goOn);
    return promise;
  }

  /** Runs waiting work at once, for one more share of time, and {@link TurnShare.cancel | drops} the rest. */
  finish(): void {
    this.#turn = this.#turns.turn;
    this.#tookMs = 0;
    let done = 0;
    while (done < this.#waiting.length && this.#tookMs < shareMs) this.#waiting[done++]!.go();
    this.#waiting.splice(0, done);
    this.#turns.cancel(this.#goOn);
    this.cancel();
  }

  /** Drops the work that waits: its promises reject with `ERR_CONNECTION_CLOSED`. */
  cancel(): void {
    if (this.#waiting.length === 0) return;
    this.#turns.cancel(this.#goOn);
    const error = new PeerloomError('ERR_CONNECTION_CLOSED', 'the node that asked has disconnected');
    for (const { drop } of this.#waiting.splice(0)) drop(error);
  }

  get #hasShare(): boolean {
    const { turn } = this.#turns;
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#tookMs = 0;
    }
    return this.#tookMs < shareMs;
  }

  readonly #goOn = (): void => {
    let done = 0;
    while (done < this.#waiting.length && this.#hasShare) this.#waiting[done++]!.go();
    this.#waiting.splice(0, done);
    if (this.#waiting.length > 0) this.#turns.wait(this.#goOn);
  };

  #timed<Result>(work: () => Result): Result {
    const beganAtMs = this.#runtime.now();
    try {
      return work();
    } finally {
      this.#tookMs += this.#runtime.now() - beganAtMs;
    }
  }
}
