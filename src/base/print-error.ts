/** Prints to the standard error output. A console that throws, as those of some test tools do, stops nothing. */
export function printError(...parts: unknown[]): void {
  try {
    console.error(...parts);
  } catch {
    // There is nowhere left to say it.
  }
}
