import type { Runtime, RuntimeTimer } from '../base/runtime.ts';

/** Calls back when something has been waited for long enough. One timer serves all of it. */
export class Waits {
  readonly #runtime: Runtime;
  readonly #onDue: (id: string) => void;
  readonly #dueAtMs = new Map<string, number>();
  #timer: RuntimeTimer | undefined;

  constructor(runtime: Runtime, onDue: (id: string) => void) {
    this.#runtime = runtime;
    this.#onDue = onDue;
  }

  /** Waits for something for so long from now on. A wait that began before is over. */
  begin(id: string, delayMs: number): void {
    this.#dueAtMs.set(id, this.#runtime.now() + delayMs);
    this.#timer ??= this.#runtime.setTimeout(this.#look, delayMs);
  }

  end(id: string): void {
    this.#dueAtMs.delete(id);
    if (this.#dueAtMs.size === 0) this.clear();
  }

  clear(): void {
    this.#dueAtMs.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const nowMs = this.#runtime.now();
    const due = [...this.#dueAtMs].filter(([, dueAtMs]) => dueAtMs <= nowMs);
    for (const [id] of due) {
      if (!this.#dueAtMs.delete(id)) continue;
      this.#onDue(id);
    }
    if (this.#dueAtMs.size === 0 || this.#timer !== undefined) return;
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const dueAtMs of this.#dueAtMs.values()) nextAtMs = Math.min(nextAtMs, dueAtMs);
    this.#timer = this.#runtime.setTimeout(this.#look, Math.max(0, nextAtMs - nowMs));
  };
}
