/**
 * Removes a listener of a signal. Signals of users may be look-alikes, such as those of a test's DOM, and removing
 * happens in callbacks and clean-ups: what one throws there would take the place of a result, or end the process.
 */
export function removeAbortListener(signal: AbortSignal | undefined, listener: () => void): void {
  try {
    signal?.removeEventListener('abort', listener);
  } catch {
    // The listener stays. By now it does nothing.
  }
}
