import { removeAbortListener } from './remove-abort-listener.ts';
/** Resolves with the value, or rejects with the reason of the signal, whichever comes first. */
export async function unlessAborted<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value> {
  // It may reject when no caller waits for it any more.
  value.catch(() => {});
  signal.throwIfAborted();
  let onAbort = (): void => {};
  const abortion = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([value, abortion]);
  } finally {
    removeAbortListener(signal, onAbort);
  }
}
