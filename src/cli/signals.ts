/** Resolves at the first SIGINT or SIGTERM, so that the program can say goodbye; a second one ends it at once. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
