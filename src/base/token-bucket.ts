import type { Runtime } from './runtime.ts';

export interface TokenBucketOptions {
  /** How many events may happen at once. */
  readonly burst: number;
  /** How many events may happen in a second, on average. */
  readonly perSecond: number;
}

/** A token bucket: limits the rate of events, and allows bursts. */
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

  /** Whether an event may happen now. If so, it is counted. */
  take(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Counts this many events, even if they exceed the limit. */
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
