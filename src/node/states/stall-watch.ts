import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';

/** Detects when there is no progress for some time. */
export class StallWatch {
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #isSuspended: () => boolean;
  readonly #onStalled: () => void;
  #timer: RuntimeTimer | undefined;
  #movedAtMs: number;

  /** @param timeoutMs `Infinity`: never. */
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

  /** Reports progress. */
  moved(): void {
    this.#movedAtMs = this.#runtime.now();
  }

  /** Stops watching. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** One timer serves all pieces, because a timer for each would cost more than the piece. */
  #watch(delayMs: number): void {
    this.#timer = this.#runtime.setTimeout(() => {
      if (this.#isSuspended()) this.moved();
      const leftMs = this.#movedAtMs + this.#timeoutMs - this.#runtime.now();
      if (leftMs > 0) this.#watch(leftMs);
      else this.#onStalled();
    }, delayMs);
  }
}
