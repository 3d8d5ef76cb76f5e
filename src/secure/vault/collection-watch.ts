import { removeAbortListener } from '../../base/remove-abort-listener.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { CollectionName } from './collection-state.ts';
import type { OpenedItem, VaultReader } from './vault-reader.ts';

/** Milliseconds after which a watch asks without a notice: nodes that were away receive none. */
const pollMs = 15_000;

/** Milliseconds that a watch waits after an answer without news. */
const breathMs = 100;

/** Follows collections. It fetches news when it receives a notice, and regularly. */
export class CollectionWatch {
  readonly #reader: VaultReader;
  readonly #runtime: Runtime;
  readonly #wakers = new Map<string, Set<() => void>>();
  #isClosed = false;

  constructor(reader: VaultReader, runtime: Runtime) {
    this.#reader = reader;
    this.#runtime = runtime;
  }

  /** Call this when a collection has changed. */
  wake(name: CollectionName): void {
    for (const waker of this.#wakers.get(keyOf(name)) ?? []) waker();
  }

  /** Call this when any collection may have changed. */
  wakeAll(): void {
    for (const wakers of this.#wakers.values()) for (const waker of wakers) waker();
  }

  close(): void {
    this.#isClosed = true;
    this.wakeAll();
  }

  /** Yields the items as they are, then each change, until the node stops or the signal fires. */
  async *changes(
    name: CollectionName,
    since: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<OpenedItem> {
    let after = since;
    const isOver = (): boolean => this.#isClosed || signal?.aborted === true;
    while (!isOver()) {
      const next = this.#next(name, signal);
      try {
        const page = await this.#reader.changes(name, after);
        for (const item of page?.items ?? []) {
          if (!this.#reader.isReadable(name, item)) continue;
          const opened = await this.#reader.open(name, item);
          if (isOver()) return;
          yield opened;
          if (isOver()) return;
        }
        const isNews = (page?.upTo ?? after) > after;
        after = page?.upTo ?? after;
        if (page?.more) continue;
        await next.promise;
        if (!isNews && !isOver()) await this.#breath();
      } finally {
        next.cancel();
      }
    }
  }

  /** Pauses for `breathMs`. Otherwise a node that sends false notices could make this node ask as fast as it can. */
  #breath(): Promise<void> {
    return new Promise((resolve) => {
      this.#runtime.setTimeout(resolve, breathMs);
    });
  }

  #next(name: CollectionName, signal: AbortSignal | undefined): { promise: Promise<void>; cancel(): void } {
    const key = keyOf(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const timer = this.#runtime.setTimeout(wake, pollMs, 'watching');
    const wakers = this.#wakers.get(key) ?? new Set();
    this.#wakers.set(key, wakers.add(wake));
    signal?.addEventListener('abort', wake);
    const cancel = (): void => {
      timer.cancel();
      removeAbortListener(signal, wake);
      wakers.delete(wake);
      if (wakers.size === 0 && this.#wakers.get(key) === wakers) this.#wakers.delete(key);
    };
    return { promise, cancel };
  }
}

function keyOf({ owner, collection }: CollectionName): string {
  return `${owner} ${collection}`;
}
