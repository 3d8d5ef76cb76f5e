import type { Runtime } from './runtime.ts';

/** How others are heard while something is decompressed that takes long. */
export interface Pace {
  /** Asked every few milliseconds: `undefined` to go on, or a promise of when to. */
  readonly pause: () => undefined | Promise<void>;
  /** Leaves work to other threads, which may do it while others are heard. `undefined`: there are none. */
  readonly aside: (<Result>(work: Promise<Result>) => Promise<Result>) | undefined;
}

/** In milliseconds. What has computed for so long pauses for as long as it has. */
export const minPauseMs = 10;

/** Keeps something that computes for long to half of the time. */
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

  /** From now on pauses fail, with an Error: what computes is given up. */
  stop(): void {
    this.#stopped.reject(new Error('it is not wanted any more'));
  }
}
