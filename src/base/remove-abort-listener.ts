/**
 * Removes a listener of a signal, and ignores errors. A user's signal may be an imitation, such as that of a test's
 * DOM. Listeners are removed in callbacks and clean-ups, where an error would replace a result or end the process.
 */
export function removeAbortListener(signal: AbortSignal | undefined, listener: () => void): void {
  try {
    signal?.removeEventListener('abort', listener);
  } catch {
    // The listener stays, but it no longer does anything.
  }
}
