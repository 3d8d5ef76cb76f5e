import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';

/** Notices when nothing has moved for a time. */
export class StallWatch {
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #isSuspended: () => boolean;
  readonly #onStalled: () => void;
  #timer: RuntimeTimer | undefined;
  #movedAtMs: number;

  /** @param timeoutMs `Infinity`: it notices nothing. */
  constructor(
    runtime: Runtime,
    {
      timeoutMs,
      isSuspended,
      onStalled,
    }: { timeoutMs: number; isSuspended: () => boolean; onStalled: () => void },
  ) {
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
    this.#isSuspended = isSuspended;
    this.#onStalled = onStalled;
    this.#movedAtMs = runtime.now();
    if (timeoutMs !== Number.POSITIVE_INFINITY) this.#watch(timeoutMs);
  }

  /** Something moved. */
  moved(): void {
    this.#movedAtMs = this.#runtime.now();
  }

  /** Nothing is watched from now on. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** One timer for all that moves: a timer for each piece would cost more than the piece. */
  #watch(delayMs: number): void {
    this.#timer = this.#runtime.setTimeout(() => {
      if (this.#isSuspended()) this.moved();
      const leftMs = this.#movedAtMs + this.#timeoutMs - this.#runtime.now();
      if (leftMs > 0) this.#watch(leftMs);
      else this.#onStalled();
    }, delayMs);
  }
}
