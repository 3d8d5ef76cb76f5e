import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import type { ReplayOptions } from '../simulator/replay/replay.ts';
import type * as Testing from '../simulator/testing/index.ts';
import { complain, exitCodes, WrongUse } from './failure.ts';

const help = `
The program is a module whose default export is the class of the recorded node, or a function
that makes it from { host, port, options }. It must not start anything by itself.

Example:
  peerloom replay flight.jsonl ./chat-node.ts
  export default class ChatNode extends Node { … }`;

/** Registers `peerloom replay`. */
export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .description('run a node over what its option recorder has written, up to the first difference')
    .argument('<recording>', 'the file that the recorder has written')
    .argument('<program>', 'the module that exports the class of the node')
    .option('--list', 'print each turn: what came, and what the node did')
    .addHelpText('after', help)
    .action(async (recording: string, module: string, { list }: { readonly list?: true }) => {
      process.exitCode = await runReplay(recording, module, list === true);
    });
}

async function runReplay(path: string, module: string, isListing: boolean): Promise<number> {
  // By the package's name, as programs import it: `replay` must be of the copy whose `Node` the class extends.
  const { FlightError, replay }: typeof Testing = await import(testingModule);
  const create = await defaultOf(module);
  const onTurn = isListing
    ? (turn: number, text: string): void => console.log(`${turn}  ${text}`)
    : undefined;
  try {
    const { turns, difference, end } = await replay({ path, create, onTurn });
    const count = `${turns.toLocaleString('en')} turns`;
    if (difference === undefined) {
      console.log(`The program does the same as the recorded node: ${count}.`);
      console.log(
        end === undefined ? 'The recording breaks off there.' : `The recording ends there: ${end}.`,
      );
      return exitCodes.fine;
    }
    console.log(`The program differs from the recorded node after ${count}:`);
    console.log(`  input     ${shortened(difference.input)}`);
    console.log(`  expected  ${shortened(difference.expected)}`);
    console.log(`  came      ${shortened(difference.came)}`);
    return exitCodes.failed;
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new WrongUse(error.message);
    if ((error as NodeJS.ErrnoException).syscall !== undefined)
      throw new WrongUse(`the recording cannot be read: ${(error as Error).message}`);
    if (!(error instanceof FlightError)) throw error;
    complain(error.message);
    return exitCodes.failed;
  }
}

async function defaultOf(module: string): Promise<ReplayOptions['create']> {
  try {
    const exported = await import(pathToFileURL(resolve(module)).href);
    if (typeof exported.default === 'function') return exported.default;
  } catch (error) {
    throw new WrongUse(`${module} cannot be loaded: ${(error as Error).message}`);
  }
  throw new WrongUse(
    `${module} has no default export that is the class of a node, or a function that makes one`,
  );
}

const testingModule: string = 'peerloom/testing';

const maxShownCharacters = 300;

function shortened(text: string): string {
  return text.length > maxShownCharacters ? `${text.slice(0, maxShownCharacters)}…` : text;
}
