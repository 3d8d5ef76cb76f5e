/** Prints to the standard error output. Ignores a console that throws, as in some test tools. */
export function printError(...parts: unknown[]): void {
  try {
    console.error(...parts);
  } catch {
    // There is nowhere left to report it.
  }
}
