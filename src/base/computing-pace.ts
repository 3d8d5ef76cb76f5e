import type { Runtime } from './runtime.ts';

/** Decides when long work pauses, so that other work gets its turns. */
export interface Pace {
  /** Long work calls it every few milliseconds. `undefined`: continue. A promise: continue when it resolves. */
  readonly pause: () => undefined | Promise<void>;
  /** Waits for work in another thread, without counting its time. `undefined`: there are no other threads. */
  readonly aside: (<Result>(work: Promise<Result>) => Promise<Result>) | undefined;
}

/** After computing for this many milliseconds, work pauses for the same time. */
export const minPauseMs = 10;

/** Limits long work to half of the time. */
export class ComputingPace implements Pace {
  readonly aside: Pace['aside'];
  readonly #runtime: Runtime;
  readonly #stopped = Promise.withResolvers<never>();
  #beganAtMs: number;
  #computedMs = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#beganAtMs = runtime.now();
    this.#stopped.promise.catch(() => {});
    if (runtime.isVirtual !== true) this.aside = (work) => this.#waitFor(work);
  }

  /** Milliseconds that were computed since the last pause, by this thread. */
  get tookMs(): number {
    return this.#computedMs + this.#runtime.now() - this.#beganAtMs;
  }

  readonly pause = (): undefined | Promise<void> => {
    const { tookMs } = this;
    if (tookMs < minPauseMs) return undefined;
    const rested = Promise.withResolvers<void>();
    const timer = this.#runtime.setTimeout(rested.resolve, tookMs);
    return Promise.race([rested.promise, this.#stopped.promise]).finally(() => {
      timer.cancel();
      this.#computedMs = 0;
      this.#beganAtMs = this.#runtime.now();
    });
  };

  #waitFor<Result>(work: Promise<Result>): Promise<Result> {
    const { tookMs } = this;
    return work.finally(() => {
      this.#computedMs = tookMs;
      this.#beganAtMs = this.#runtime.now();
    });
  }

  /** Makes all further pauses reject with an Error, which ends the work. */
  stop(): void {
    this.#stopped.reject(new Error('it is not wanted any more'));
  }
}
