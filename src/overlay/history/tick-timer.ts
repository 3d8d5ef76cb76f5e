import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';

/** One timer for the next thing that is due. It moves when that changes. */
export class TickTimer {
  readonly #runtime: Runtime;
  readonly #onTick: () => void;
  #timer: RuntimeTimer | undefined;
  #atMs = Number.POSITIVE_INFINITY;
  #isWatching = false;

  constructor(runtime: Runtime, onTick: () => void) {
    this.#runtime = runtime;
    this.#onTick = onTick;
  }

  /**
   * @param atMs the time by the runtime's clock. `Infinity` if nothing is due.
   * @param isWatching whether the node will only check something, so that a program that waits until the node is idle
   * need not wait for it.
   */
  set(atMs: number, isWatching: boolean): void {
    if (atMs === this.#atMs && isWatching === this.#isWatching) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#atMs = atMs;
    this.#isWatching = isWatching;
    if (atMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, atMs - this.#runtime.now());
    this.#timer = this.#runtime.setTimeout(this.#fire, delayMs, isWatching ? 'watching' : undefined);
  }

  readonly #fire = (): void => {
    this.#atMs = Number.POSITIVE_INFINITY;
    this.#onTick();
  };
}
