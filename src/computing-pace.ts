import type { Runtime } from './runtime.ts';

/** How others are heard while something is decompressed that takes long. */
export interface Pace {
  /** Asked every few milliseconds: `undefined` to go on, or a promise of when to. */
  readonly pause: () => undefined | Promise<void>;
  /** Other threads may do it. */
  readonly canUseThreads: boolean;
}

/** What has computed for so long pauses for as long as it has. */
const minPauseMs = 10;

/** Keeps something that computes for long to half of the time. */
export class ComputingPace implements Pace {
  readonly #runtime: Runtime;
  readonly #stopped = Promise.withResolvers<never>();
  #beganAtMs: number;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#beganAtMs = runtime.now();
    this.#stopped.promise.catch(() => {});
  }

  get canUseThreads(): boolean {
    return this.#runtime.isVirtual !== true;
  }

  /** Milliseconds since the beginning, or since the last pause. */
  get tookMs(): number {
    return this.#runtime.now() - this.#beganAtMs;
  }

  readonly pause = (): undefined | Promise<void> => {
    const { tookMs } = this;
    if (tookMs < minPauseMs) return undefined;
    const rested = Promise.withResolvers<void>();
    const timer = this.#runtime.setTimeout(rested.resolve, tookMs);
    return Promise.race([rested.promise, this.#stopped.promise]).finally(() => {
      timer.cancel();
      this.#beganAtMs = this.#runtime.now();
    });
  };

  /** From now on pauses fail, with an Error: what computes is given up. */
  stop(): void {
    this.#stopped.reject(new Error('it is not wanted any more'));
  }
}
