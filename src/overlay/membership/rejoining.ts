import { backoffDelayMs } from '../../base/backoff.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';

/** The pauses between attempts, in milliseconds. */
const pauses = { minDelayMs: 1_000, maxDelayMs: 60_000 };

/** Joins the network again from time to time, while a node has too few neighbours and knows no other nodes. */
export class Rejoining {
  readonly #runtime: Runtime;
  readonly #join: () => void;
  #timer: RuntimeTimer | undefined;
  #attempts = 0;

  constructor(runtime: Runtime, join: () => void) {
    this.#runtime = runtime;
    this.#join = join;
  }

  /** Joins soon. The first attempt is made immediately. */
  want(): void {
    if (this.#timer !== undefined) return;
    const random = (): number => this.#runtime.random('delays of joining');
    const delayMs = this.#attempts === 0 ? 0 : backoffDelayMs(this.#attempts, pauses, random);
    this.#attempts += 1;
    const join = (): void => {
      this.#timer = undefined;
      this.#join();
    };
    this.#timer = this.#runtime.setTimeout(join, delayMs, 'watching');
  }

  /** The node has a neighbour. */
  succeeded(): void {
    this.#attempts = 0;
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
