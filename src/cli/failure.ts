import { styleText } from 'node:util';
import { CommanderError } from 'commander';
import { PeerloomError } from '../base/errors.ts';

/** The command line asks for something impossible. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse';
}

/** 0 also when the user or a signal ended the program. */
export const exitCodes = { fine: 0, failed: 1, wrongUse: 2 } as const;

/**
 * Prints one line that says why the program ends.
 *
 * @returns its exit code.
 * @throws the error itself if it shows a defect of the program.
 */
export function explainFailure(error: unknown): number {
  // commander has already printed its own errors, and the help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.wrongUse;
  if (!(error instanceof WrongUse || error instanceof PeerloomError)) throw error;
  complain(inWordsOfCommandLine(error.message));
  const isWrongUse = error instanceof WrongUse || error.code === 'ERR_ADDRESS_INVALID';
  return isWrongUse ? exitCodes.wrongUse : exitCodes.failed;
}

/** Some options have other names on the command line than in a program. */
function inWordsOfCommandLine(message: string): string {
  return message
    .replaceAll('identity.passphrase', '--passphrase-env')
    .replaceAll('networkKey', '--network-key');
}

/** Prints one line to standard error. */
export function complain(message: string): void {
  console.error(`${styleText('red', 'peerloom:', { stream: process.stderr })} ${message}`);
}
