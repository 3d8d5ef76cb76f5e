import { complain, exitCodes } from './failure.ts';

/**
 * Handles failures of outputs. If no program reads standard output any more, as in `peerloom node --json | head -1`,
 * the program ends quietly. If standard output fails for another reason, such as a full disk, the program prints the
 * reason and fails. If standard error fails, the program keeps running without its log.
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

/** Prints each warning of peerloom as one line. Node.js prints all other warnings. */
function printWarnings(): void {
  const listeners = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'PeerloomWarning') complain(warning.message);
    else for (const listener of listeners) listener(warning);
  });
}
