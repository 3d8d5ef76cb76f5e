import { styleText } from 'node:util';
import { CommanderError } from 'commander';
import { PeerloomError } from '../base/errors.ts';

/** What the command line asks for cannot be. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse';
}

/** 0: all went well, also when the user or a signal ended it. */
export const exitCodes = { fine: 0, failed: 1, wrongUse: 2 } as const;

/**
 * Says in one line why the program ends.
 *
 * @returns its exit code.
 * @throws the error itself when it is a fault of the program.
 */
export function explainFailure(error: unknown): number {
  // Its own errors, and help, commander has printed already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.wrongUse;
  if (!(error instanceof WrongUse || error instanceof PeerloomError)) throw error;
  complain(inWordsOfCommandLine(error.message));
  const isWrongUse = error instanceof WrongUse || error.code === 'ERR_ADDRESS_INVALID';
  return isWrongUse ? exitCodes.wrongUse : exitCodes.failed;
}

/** Some options have another name here than in a program. */
function inWordsOfCommandLine(message: string): string {
  return message
    .replaceAll('identity.passphrase', '--passphrase-env')
    .replaceAll('networkKey', '--network-key');
}

/** One line on the standard error output. */
export function complain(message: string): void {
  console.error(`${styleText('red', 'peerloom:', { stream: process.stderr })} ${message}`);
}
