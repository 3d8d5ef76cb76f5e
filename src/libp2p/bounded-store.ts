import type { Libp2pOptions } from 'libp2p';

type Datastore = NonNullable<Libp2pOptions['datastore']>;
type Key = Parameters<Datastore['put']>[0];
type Pair = { readonly key: Key; readonly value: Uint8Array };

/** The most entries with information from other nodes. */
const maxStoredEntries = 8_192;

/** The most bytes of these entries. */
const maxStoredBytes = 8 * 1024 * 1024;

/** The most bytes of one value. */
const maxValueBytes = 16 * 1024;

/** The most entries of one folder that a search returns: the newest ones. */
export const maxFolderEntries = 64;

/** The approximate memory of an entry, without its value and its key, in bytes. */
const entryBytes = 256;

interface StoreLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxValueBytes: number;
}

const defaultLimits: StoreLimits = {
  maxEntries: maxStoredEntries,
  maxBytes: maxStoredBytes,
  maxValueBytes,
};

export interface BoundedStoreOptions {
  /** Returns the key of the entry without which the given entry is useless, if any. Default: none. */
  readonly needs?: ((key: string) => string | undefined) | undefined;
  /** Smaller limits, for tests. */
  readonly limits?: StoreLimits;
}

/**
 * The store of a libp2p node, in memory: other nodes and, with a DHT, the records that other nodes store in this one.
 * libp2p itself would keep everything. If the store is full, the least recently used entry is evicted.
 */
export class BoundedStore {
  readonly #needs: (key: string) => string | undefined;
  readonly #limits: StoreLimits;
  /** The entries by key. The entry used most recently comes last. */
  readonly #entries = new Map<string, Pair>();
  /** The keys in each folder, `/dht/provider/<key>`, the oldest first. A search reads only its folder. */
  readonly #folders = new Map<string, Set<string>>();
  #heldBytes = 0;

  constructor({ needs = () => undefined, limits = defaultLimits }: BoundedStoreOptions = {}) {
    this.#needs = needs;
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  has(key: Key): boolean {
    return this.#entries.has(key.toString());
  }

  /** @throws Error with the name `NotFoundError`. */
  get(key: Key): Uint8Array {
    const name = key.toString();
    const pair = this.#entries.get(name);
    if (pair === undefined) throw Object.assign(new Error(`there is no ${name}`), { name: 'NotFoundError' });
    this.#entries.delete(name);
    this.#entries.set(name, pair);
    return pair.value;
  }

  /** @throws RangeError if the value is too large. */
  put(key: Key, value: Uint8Array): Key {
    const { maxEntries, maxBytes, maxValueBytes } = this.#limits;
    if (value.length > maxValueBytes)
      throw new RangeError(`a value has ${maxValueBytes} bytes at most, not ${value.length}`);
    const name = key.toString();
    this.#remove(name);
    // Copied, because the value may be a part of a packet.
    this.#entries.set(name, { key, value: value.slice() });
    this.#heldBytes += costOf(name, value);
    const folder = folderOf(name);
    const siblings = this.#folders.get(folder) ?? new Set();
    this.#folders.set(folder, siblings.add(name));
    while (this.#entries.size > maxEntries || this.#heldBytes > maxBytes)
      this.#remove(this.#entries.keys().next().value!);
    return key;
  }

  delete(key: Key): void {
    this.#remove(key.toString());
  }

  async *putMany(pairs: AsyncIterable<Pair> | Iterable<Pair>): AsyncGenerator<Key> {
    for await (const { key, value } of pairs) yield this.put(key, value);
  }

  async *getMany(keys: AsyncIterable<Key> | Iterable<Key>): AsyncGenerator<Pair> {
    for await (const key of keys) yield { key, value: this.get(key) };
  }

  async *deleteMany(keys: AsyncIterable<Key> | Iterable<Key>): AsyncGenerator<Key> {
    for await (const key of keys) {
      this.delete(key);
      yield key;
    }
  }

  batch(): ReturnType<Datastore['batch']> {
    const steps: (() => void)[] = [];
    return {
      put: (key, value) => void steps.push(() => this.put(key, value)),
      delete: (key) => void steps.push(() => this.delete(key)),
      commit: () => {
        for (const step of steps.splice(0)) step();
      },
    };
  }

  *query({ prefix = '', filters = [], orders = [], offset = 0, limit }: Parameters<Datastore['query']>[0]) {
    let pairs = this.#under(prefix).filter((pair) => filters.every((one) => one(pair)));
    for (const order of orders) pairs = pairs.sort(order);
    yield* pairs.slice(offset, limit === undefined ? undefined : offset + limit);
  }

  *queryKeys(query: Parameters<Datastore['queryKeys']>[0]): Generator<Key> {
    const { prefix = '', filters = [], orders = [], offset = 0, limit } = query;
    let keys = this.#under(prefix).map(({ key }) => key);
    keys = keys.filter((key) => filters.every((one) => one(key)));
    for (const order of orders) keys = keys.sort(order);
    yield* keys.slice(offset, limit === undefined ? undefined : offset + limit);
  }

  #under(prefix: string): Pair[] {
    const one = this.#folders.get(prefix);
    const names =
      one !== undefined
        ? [...one].slice(-maxFolderEntries)
        : [...this.#entries.keys()].filter((name) => name.startsWith(prefix));
    return names.filter((name) => this.#isWhole(name)).map((name) => this.#entries.get(name)!);
  }

  #isWhole(name: string): boolean {
    const needed = this.#needs(name);
    return needed === undefined || this.#entries.has(needed);
  }

  #remove(name: string): void {
    const pair = this.#entries.get(name);
    if (pair === undefined) return;
    this.#entries.delete(name);
    this.#heldBytes -= costOf(name, pair.value);
    const folder = folderOf(name);
    const siblings = this.#folders.get(folder)!;
    siblings.delete(name);
    if (siblings.size === 0) this.#folders.delete(folder);
  }
}

function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/'));
}

function costOf(name: string, value: Uint8Array): number {
  return entryBytes + 4 * name.length + value.length;
}
