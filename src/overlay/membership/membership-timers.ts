import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';

/** The timers of a node's membership. They end when the node stops. */
export class MembershipTimers {
  readonly #runtime: Runtime;
  readonly #timers = new Set<RuntimeTimer>();
  #areStopped = false;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Whether the node has begun to stop. */
  get areStopped(): boolean {
    return this.#areStopped;
  }

  after(delayMs: number, act: () => void): void {
    if (this.#areStopped) return;
    const timer = this.#runtime.setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delayMs);
    this.#timers.add(timer);
  }

  stop(): void {
    this.#areStopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
