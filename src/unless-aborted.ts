/** The value, or the reason of the signal, whichever is first. */
export async function unlessAborted<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  let onAbort = (): void => {};
  const abortion = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
  });
  value.catch(() => {});
  try {
    return await Promise.race([value, abortion]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
