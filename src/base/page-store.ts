import type { Runtime } from './runtime.ts';

// Stores of a page in IndexedDB, under names that the user chooses.

/** How long a reloaded page waits for the browser to end the earlier page. */
const lockWaitMs = 1_000;

/** Whether {@link lockStore} can keep others out. Pages of one origin all have Web Locks, or none has. */
export function hasLocks(): boolean {
  return globalThis.navigator?.locks !== undefined;
}

/**
 * Prevents other pages, and other nodes of this page, from using a store. Web Locks exist only in secure contexts;
 * elsewhere, this does nothing.
 *
 * @returns a function that releases the store.
 * @throws the browser's error if another page still uses the store after a second.
 */
export async function lockStore(name: string, runtime: Runtime): Promise<() => void> {
  if (!hasLocks()) return () => {};
  const held = Promise.withResolvers<void>();
  const got = Promise.withResolvers<void>();
  const waiting = new AbortController();
  const timer = runtime.setTimeout(() => waiting.abort(), lockWaitMs);
  const hold = (): Promise<void> => {
    got.resolve();
    return held.promise;
  };
  navigator.locks.request(name, { signal: waiting.signal }, hold).catch(got.reject);
  try {
    await got.promise;
  } finally {
    timer.cancel();
  }
  return held.resolve;
}

/** Opens a database, or creates it with these tables, whose keys are given with each row. */
export function openDatabase(name: string, tables: readonly string[]): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    for (const table of tables) request.result.createObjectStore(table);
  };
  return resultOf(request);
}

/** Resolves when the transaction is complete, which is when the browser has kept what it wrote. */
export function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

export function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
