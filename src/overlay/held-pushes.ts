import type { Runtime, RuntimeTimer } from '../base/runtime.ts';

/**
 * Broadcasts that would be pushed to one neighbour soon after another one: they wait a moment, and leave together. The
 * first one after a pause never waits.
 */
export class HeldPushes {
  readonly #runtime: Runtime;
  readonly #release: (ids: readonly string[]) => void;
  readonly #ids = new Set<string>();
  #leftAtMs = Number.NEGATIVE_INFINITY;
  #timer: RuntimeTimer | undefined;

  /** @param release pushes what was held. */
  constructor(runtime: Runtime, release: (ids: readonly string[]) => void) {
    this.#runtime = runtime;
    this.#release = release;
  }

  /**
   * @param gapMs from one push, or group of them, to the next.
   * @returns whether the broadcast is held. Otherwise it is to be pushed now.
   */
  hold(id: string, gapMs: number): boolean {
    const nowMs = this.#runtime.now();
    const waitMs = this.#leftAtMs + gapMs - nowMs;
    if (this.#timer === undefined && waitMs <= 0) {
      this.#leftAtMs = nowMs;
      return false;
    }
    this.#ids.add(id);
    this.#timer ??= this.#runtime.setTimeout(() => this.flush(), Math.max(0, waitMs));
    return true;
  }

  /** The neighbour has a broadcast. */
  drop(id: string): void {
    this.#ids.delete(id);
  }

  close(): void {
    this.#timer?.cancel();
    this.#ids.clear();
  }

  /** Pushes what is held. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#ids.size === 0) return;
    this.#leftAtMs = this.#runtime.now();
    const ids = [...this.#ids];
    this.#ids.clear();
    this.#release(ids);
  }
}
