import type { StoredCollection } from './manifest.ts';

const maxEntries = 1_024;
/** The most characters of the JSON of all cached states together. */
const maxLength = 8 * 1024 * 1024;

interface Entry {
  readonly collection: StoredCollection;
  readonly length: number;
}

/** A cache of collections, so that their states need not be parsed again. The collections used last are kept. */
export class CollectionCache {
  readonly #entries = new Map<string, Entry>();
  #length = 0;

  get(owner: string, name: string): StoredCollection | undefined {
    const key = keyOf(owner, name);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.collection;
  }

  /** @param length the number of characters of the state's JSON. */
  set(collection: StoredCollection, length: number): void {
    const { owner, collection: name } = collection.head;
    this.delete(owner, name);
    this.#entries.set(keyOf(owner, name), { collection, length });
    this.#length += length;
    while (this.#entries.size > maxEntries || (this.#length > maxLength && this.#entries.size > 1)) {
      const [oldest] = this.#entries.keys();
      this.#remove(oldest!);
    }
  }

  setVersion(owner: string, name: string, version: number): void {
    const entry = this.#entries.get(keyOf(owner, name));
    if (entry === undefined) return;
    this.#entries.set(keyOf(owner, name), { ...entry, collection: { ...entry.collection, version } });
  }

  delete(owner: string, name: string): void {
    this.#remove(keyOf(owner, name));
  }

  clear(): void {
    this.#entries.clear();
    this.#length = 0;
  }

  #remove(key: string): void {
    this.#length -= this.#entries.get(key)?.length ?? 0;
    this.#entries.delete(key);
  }
}

function keyOf(owner: string, name: string): string {
  return `${owner} ${name}`;
}
