import type { Runtime } from './runtime.ts';

export interface TokenBucketOptions {
  /** How much may happen at once. */
  readonly burst: number;
  /** How much may happen in a second, in the long run. */
  readonly perSecond: number;
}

/** A rate: so much may happen in a second, and so much at once. */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  readonly #runtime: Runtime;
  #tokens: number;
  #at: number;

  constructor(options: TokenBucketOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
    this.#tokens = options.burst;
    this.#at = runtime.now();
  }

  /** Whether it may happen now; if so, it counts. */
  take(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Counts what has happened, so often, even if it is more than may happen now. */
  spend(count: number): void {
    this.#refill();
    this.#tokens -= count;
  }

  /** Milliseconds until {@link TokenBucket.take} returns true; 0: now. */
  get waitMs(): number {
    this.#refill();
    return Math.max(0, Math.ceil(((1 - this.#tokens) / this.#options.perSecond) * 1_000));
  }

  #refill(): void {
    const { burst, perSecond } = this.#options;
    const now = this.#runtime.now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1_000) * perSecond);
    this.#at = now;
  }
}
