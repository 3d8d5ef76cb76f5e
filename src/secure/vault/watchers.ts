import type { CollectionName } from './collection-state.ts';

interface Watcher {
  readonly id: string;
  readonly collection: string;
  readonly until: number;
}

/** Milliseconds for which a watching node receives changes. It asks again before they are over. */
const leaseMs = 60_000;
const maxWatchers = 10_000;
/** The most collections that one node may watch, so that it does not take the places of others. */
const maxWatchersPerNode = 256;

/** The nodes that receive notices of changes, for each collection, until their time is over. */
export class Watchers {
  readonly #now: () => number;
  readonly #watchers = new Map<string, Watcher>();
  /** The number of places of each node. */
  readonly #counts = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Adds a watcher. If there is no room, the oldest place of the node, or of all nodes, is dropped. */
  add(name: CollectionName, id: string): void {
    this.remove(name, id);
    if ((this.#counts.get(id) ?? 0) === maxWatchersPerNode) {
      const [oldest] = [...this.#watchers].find(([, watcher]) => watcher.id === id)!;
      this.#remove(oldest);
    }
    const collection = collectionKeyOf(name);
    this.#watchers.set(`${collection} ${id}`, { id, collection, until: this.#now() + leaseMs });
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    const [oldest] = this.#watchers.keys();
    if (this.#watchers.size > maxWatchers) this.#remove(oldest!);
  }

  remove(name: CollectionName, id: string): void {
    this.#remove(`${collectionKeyOf(name)} ${id}`);
  }

  of(name: CollectionName): string[] {
    const now = this.#now();
    for (const [key, { until }] of this.#watchers) {
      if (until > now) break;
      this.#remove(key);
    }
    const collection = collectionKeyOf(name);
    return [...this.#watchers.values()]
      .filter((watcher) => watcher.collection === collection)
      .map(({ id }) => id);
  }

  #remove(key: string): void {
    const watcher = this.#watchers.get(key);
    if (watcher === undefined) return;
    this.#watchers.delete(key);
    const left = this.#counts.get(watcher.id)! - 1;
    if (left === 0) this.#counts.delete(watcher.id);
    else this.#counts.set(watcher.id, left);
  }
}

function collectionKeyOf({ owner, collection }: CollectionName): string {
  return `${owner} ${collection}`;
}
