/**
 * Resolves at the first SIGINT or SIGTERM, so that the program can say goodbye. A second signal ends it immediately.
 */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
