/** Callers that wait for one event, which wakes all of them. */
export class Waiters {
  /** Created for the first waiter, because most objects never have one. */
  #wakes: (() => void)[] | undefined;

  /** Whether a caller waits. */
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
