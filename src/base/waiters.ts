/** Callers that wait for one event, which wakes all of them. */
export class Waiters {
  /** Made when the first one waits: most objects that have waiters never do. */
  #wakes: (() => void)[] | undefined;

  /** Whether somebody waits. */
  get isAwaited(): boolean {
    return this.#wakes !== undefined;
  }

  /** Resolves with the next {@link Waiters.wake}. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakes ??= [];
      this.#wakes.push(resolve);
    });
  }

  wake(): void {
    const wakes = this.#wakes;
    if (wakes === undefined) return;
    this.#wakes = undefined;
    for (const wake of wakes) wake();
  }
}
