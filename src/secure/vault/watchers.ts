/** Who wants to hear of changes of a collection, until their time is up. */
export class Watchers {
  readonly #now: () => number;
  readonly #leaseMs: number;
  readonly #maxWatchers: number;
  readonly #until = new Map<string, { readonly id: string; readonly key: string; readonly until: number }>();

  constructor(now: () => number, leaseMs: number, maxWatchers: number) {
    this.#now = now;
    this.#leaseMs = leaseMs;
    this.#maxWatchers = maxWatchers;
  }

  /** The one who asked longest ago makes room. */
  add(key: string, id: string): void {
    const name = `${key} ${id}`;
    this.#until.delete(name);
    this.#until.set(name, { id, key, until: this.#now() + this.#leaseMs });
    const [oldest] = this.#until.keys();
    if (this.#until.size > this.#maxWatchers) this.#until.delete(oldest!);
  }

  of(key: string): string[] {
    const now = this.#now();
    for (const [name, { until }] of this.#until) {
      if (until > now) break;
      this.#until.delete(name);
    }
    return [...this.#until.values()].filter((watcher) => watcher.key === key).map(({ id }) => id);
  }
}
