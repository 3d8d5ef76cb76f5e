import type { SealedItem } from './item.ts';

type Items = ReadonlyMap<string | number, SealedItem>;

/**
 * The items of collections in the order of their versions. An order is created when first needed. New items nearly
 * always have the highest version, so they are added at the end. Replaced items stay in an order until they are half of
 * it.
 */
export class VersionOrders {
  readonly #itemsOf: (owner: string, collection: string) => Items;
  readonly #orders = new Map<string, SealedItem[]>();

  constructor(itemsOf: (owner: string, collection: string) => Items) {
    this.#itemsOf = itemsOf;
  }

  /** Yields the items of later versions in their order. */
  *after(owner: string, collection: string, version: number): Generator<SealedItem, void> {
    const items = this.#itemsOf(owner, collection);
    const key = keyOf(owner, collection);
    let order = this.#orders.get(key);
    if (order === undefined || order.length > 2 * items.size) {
      order = [...items.values()].sort((one, other) => one.version - other.version);
      if (order.length > 0) this.#orders.set(key, order);
      else this.#orders.delete(key);
    }
    for (let at = firstAfter(order, version); at < order.length; at++) {
      const item = order[at]!;
      if (items.get(item.item) === item) yield item;
    }
  }

  /** Call this when an item was saved. */
  add(item: SealedItem): void {
    const key = keyOf(item.owner, item.collection);
    const order = this.#orders.get(key);
    if (order === undefined) return;
    if (item.version > order.at(-1)!.version) order.push(item);
    else this.#orders.delete(key);
  }

  /** Drops all orders, which are then created again. Call it when changes were undone. */
  clear(): void {
    this.#orders.clear();
  }
}

/** Returns the index of the first item of a later version, by binary search. */
function firstAfter(order: readonly SealedItem[], version: number): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (order[middle]!.version <= version) low = middle + 1;
    else high = middle;
  }
  return low;
}

function keyOf(owner: string, collection: string): string {
  return `${owner} ${collection}`;
}
