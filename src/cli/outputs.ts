import { complain, exitCodes } from './failure.ts';

/**
 * Decides what happens when an output fails. If nobody reads standard output any more, as in
 * `peerloom node --json | head -1`, the program ends quietly. If standard output fails for another reason, such as a
 * full disk, the program says so and fails. If standard error fails, the program keeps running without its log.
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

/** Prints warnings of peerloom as one line; Node.js prints the others. */
function printWarnings(): void {
  const listeners = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'PeerloomWarning') complain(warning.message);
    else for (const listener of listeners) listener(warning);
  });
}
