import type { HistoryStore, StoredBroadcast, StoredHistory } from './history-store.ts';

/** Keeps the broadcasts of a topic for as long as the node runs. */
export class MemoryStore implements HistoryStore {
  readonly #byId = new Map<string, Uint8Array<ArrayBuffer>>();

  load(): StoredHistory {
    return { broadcasts: [], floorUs: 0 };
  }

  read(id: string): Uint8Array<ArrayBuffer> | undefined {
    return this.#byId.get(id);
  }

  add({ id }: Omit<StoredBroadcast, 'length'>, bytes: Uint8Array<ArrayBuffer>): void {
    this.#byId.set(id, bytes);
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#byId.delete(id);
  }

  close(): void {
    this.#byId.clear();
  }
}
