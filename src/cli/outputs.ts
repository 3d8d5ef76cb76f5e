import { complain, exitCodes } from './failure.ts';

/**
 * Decides what becomes of the program when its outputs fail. Without somebody to read the standard output it ends
 * quietly, as in `peerloom node --json | head -1`; when the output is lost for another reason, such as a full disk,
 * it says so and fails. What the standard error output loses, the log above all, ends nothing.
 */
export function guardOutputs(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    complain(`the output cannot be written: ${error.message}`);
    process.exit(exitCodes.failed);
  });
  process.stderr.on('error', () => {});
  printWarnings();
}

/** Warnings of peerloom appear as one line, like everything that the program has to say; others as Node.js has it. */
function printWarnings(): void {
  const listeners = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'PeerloomWarning') complain(warning.message);
    else for (const listener of listeners) listener(warning);
  });
}
