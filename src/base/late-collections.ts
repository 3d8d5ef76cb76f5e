/** The shared empty collections, to which nothing is ever added. */
const noEntries: ReadonlyMap<unknown, unknown> = new Map();
const noValues: ReadonlySet<unknown> = new Set();

/**
 * A Map that allocates its table with its first entry. An empty Map takes 184 bytes, and a node has many that stay
 * empty for most nodes; an empty LateMap takes 32.
 */
export class LateMap<Key, Value> {
  #map: Map<Key, Value> | undefined;

  get #entries(): ReadonlyMap<Key, Value> {
    return this.#map ?? (noEntries as ReadonlyMap<Key, Value>);
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: Key, value: Value): void {
    this.#map ??= new Map();
    this.#map.set(key, value);
  }

  /** @returns whether there was an entry. */
  delete(key: Key): boolean {
    return this.#map?.delete(key) === true;
  }

  keys(): MapIterator<Key> {
    return this.#entries.keys();
  }

  values(): MapIterator<Value> {
    return this.#entries.values();
  }

  [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.#entries[Symbol.iterator]();
  }
}

/** A Set that allocates its table with its first value, as {@link LateMap} does. */
export class LateSet<Value> {
  #set: Set<Value> | undefined;

  get #values(): ReadonlySet<Value> {
    return this.#set ?? (noValues as ReadonlySet<Value>);
  }

  /** A real Set for users, who may keep it: it changes with this one. */
  get forUsers(): ReadonlySet<Value> {
    this.#set ??= new Set();
    return this.#set;
  }

  get size(): number {
    return this.#values.size;
  }

  has(value: Value): boolean {
    return this.#values.has(value);
  }

  add(value: Value): void {
    this.#set ??= new Set();
    this.#set.add(value);
  }

  /** @returns whether the value was there. */
  delete(value: Value): boolean {
    return this.#set?.delete(value) === true;
  }

  [Symbol.iterator](): SetIterator<Value> {
    return this.#values[Symbol.iterator]();
  }
}
