import { LateSet } from './late-collections.ts';
import type { Runtime, RuntimeTimer } from './runtime.ts';

/** Waits stay short for this long after the news, because the network may need a moment. In milliseconds. */
const freshMs = 5_000;
const shortWaitMs = 500;

/** The timers of waits between attempts, which end early when there is news: see {@link BackoffTimers.hurry}. */
export class BackoffTimers implements Pick<Runtime, 'setTimeout'> {
  readonly #runtime: Pick<Runtime, 'now' | 'setTimeout'>;
  readonly #waiting = new LateSet<() => void>();
  #hurriedAt = Number.NEGATIVE_INFINITY;

  constructor(runtime: Pick<Runtime, 'now' | 'setTimeout'>) {
    this.#runtime = runtime;
  }

  setTimeout(callback: () => void, delayMs: number): RuntimeTimer {
    const cancel = (): void => {
      timer.cancel();
      this.#waiting.delete(run);
    };
    const run = (): void => {
      cancel();
      callback();
    };
    const isFresh = this.#runtime.now() - this.#hurriedAt < freshMs;
    const timer = this.#runtime.setTimeout(run, isFresh ? Math.min(delayMs, shortWaitMs) : delayMs);
    this.#waiting.add(run);
    return { cancel };
  }

  /** Ends all present waits, so that the next attempts start now, and shortens the waits of the next seconds. */
  hurry(): void {
    this.#hurriedAt = this.#runtime.now();
    for (const run of [...this.#waiting]) run();
  }
}
