import type { Runtime, RuntimeTimer } from '../base/runtime.ts';

/**
 * Holds back broadcasts that follow another one to the same neighbour closely. They wait a moment and are sent
 * together. The first broadcast after a pause never waits.
 */
export class HeldPushes {
  readonly #runtime: Runtime;
  readonly #release: (ids: readonly string[]) => void;
  readonly #ids = new Set<string>();
  #leftAtMs = Number.NEGATIVE_INFINITY;
  #timer: RuntimeTimer | undefined;

  /** @param release pushes the held broadcasts. */
  constructor(runtime: Runtime, release: (ids: readonly string[]) => void) {
    this.#runtime = runtime;
    this.#release = release;
  }

  /**
   * @param gapMs the time from one push, or group of pushes, to the next, in milliseconds.
   * @returns whether the broadcast is held. If not, the caller pushes it now.
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

  /** The neighbour already has a broadcast, so it is no longer held for it. */
  drop(id: string): void {
    this.#ids.delete(id);
  }

  close(): void {
    this.#timer?.cancel();
    this.#ids.clear();
  }

  /** Pushes the held broadcasts. */
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
