import { styleText } from 'node:util';
import { CommanderError } from 'commander';
import { PeerloomError } from '../base/errors.ts';

/** Thrown if the command line is wrong. The message says how to correct it. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse';
}

/** The exit codes. The code is 0 also if the user or a signal ended the program. */
export const exitCodes = { fine: 0, failed: 1, wrongUse: 2 } as const;

/**
 * Prints one line with the reason why the program ends.
 *
 * @returns the program's exit code.
 * @throws the error itself if it is a defect of the program.
 */
export function explainFailure(error: unknown): number {
  // commander has already printed its own errors, and the help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.wrongUse;
  if (!(error instanceof WrongUse || error instanceof PeerloomError)) throw error;
  complain(inWordsOfCommandLine(error.message));
  const isWrongUse = error instanceof WrongUse || error.code === 'ERR_ADDRESS_INVALID';
  return isWrongUse ? exitCodes.wrongUse : exitCodes.failed;
}

/** Replaces names of options, because some have other names on the command line than in a program. */
function inWordsOfCommandLine(message: string): string {
  return message
    .replaceAll('identity.passphrase', '--passphrase-env')
    .replaceAll('networkKey', '--network-key');
}

/** Prints one line to standard error. */
export function complain(message: string): void {
  console.error(`${styleText('red', 'peerloom:', { stream: process.stderr })} ${message}`);
}
