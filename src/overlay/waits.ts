import type { Runtime, RuntimeTimer } from '../base/runtime.ts';

/** How often the node looks for waits that are over, in milliseconds. Thousands may be pending. */
const lookEveryMs = 25;

/** Calls back when a wait is over. One timer serves all waits. */
export class Waits {
  readonly #runtime: Runtime;
  readonly #onDue: (id: string) => void;
  readonly #dueAtMs = new Map<string, number>();
  readonly #beganAtMs = new Map<string, number>();
  #timer: RuntimeTimer | undefined;
  #timerAtMs = 0;

  constructor(runtime: Runtime, onDue: (id: string) => void) {
    this.#runtime = runtime;
    this.#onDue = onDue;
  }

  /** Begins a wait of `delayMs` from now on. It replaces an earlier wait with the same id. */
  begin(id: string, delayMs: number): void {
    const nowMs = this.#runtime.now();
    const dueAtMs = nowMs + delayMs;
    if (!this.#beganAtMs.has(id)) this.#beganAtMs.set(id, nowMs);
    this.#dueAtMs.set(id, dueAtMs);
    this.#lookAt(dueAtMs);
  }

  /** Returns how long the node has waited for `id` in all, in milliseconds. 0 if it does not wait. */
  sinceBegan(id: string): number {
    const nowMs = this.#runtime.now();
    return nowMs - (this.#beganAtMs.get(id) ?? nowMs);
  }

  end(id: string): void {
    this.#dueAtMs.delete(id);
    this.#beganAtMs.delete(id);
    if (this.#dueAtMs.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #lookAt(atMs: number): void {
    if (this.#timer !== undefined && this.#timerAtMs <= atMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    // The callbacks may have taken longer than the remaining time.
    this.#timer = this.#runtime.setTimeout(this.#look, Math.max(0, atMs - this.#runtime.now()));
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const nowMs = this.#runtime.now();
    const due: string[] = [];
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const [id, dueAtMs] of this.#dueAtMs) {
      if (dueAtMs <= nowMs) due.push(id);
      else nextAtMs = Math.min(nextAtMs, dueAtMs);
    }
    for (const id of due) if (this.#dueAtMs.delete(id)) this.#onDue(id);
    if (nextAtMs < Number.POSITIVE_INFINITY) this.#lookAt(Math.max(nextAtMs, nowMs + lookEveryMs));
  };
}
