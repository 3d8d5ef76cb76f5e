import { inNextTurn } from '../../base/next-turn.ts';
import type { Simulation } from '../../simulator/simulation.ts';
import { SimulationError } from '../../simulator/simulation-error.ts';
import { complain, exitCodes } from '../failure.ts';
import { Progress } from './progress.ts';
import { checkRecording, DamagedRecording, type RecordedRun, recordedLines } from './recorded-lines.ts';
import { type RecordedEnd, type RecordedEvent, type RecordedFault, watchLines } from './recording.ts';
import { type OnProgress, spreadRumour } from './rumour.ts';
import { stepThroughLines } from './step-lines.ts';

/** Which part of a recording is shown. */
export interface ReplayOptions {
  /** Shows only events of this node, and events of other nodes about it. */
  readonly node?: number | undefined;
  /** Shows nothing before this time, in milliseconds of virtual time. */
  readonly from?: number | undefined;
}

/** The first difference between a run and the recorded run. */
interface Difference {
  /** How many events and faults before it were equal. */
  readonly equal: number;
  /** The recorded event, as readable text. */
  readonly expected: string;
  readonly came: string;
}

/** How many lines are printed before the event loop runs, which may report that the output was closed. */
const linesAtOnce = 1_000;

/**
 * Runs a recorded simulation again, compares each event, and lists the events up to the first difference. On a
 * terminal, the user steps through them.
 *
 * @returns the exit code: 0 if the run was the same.
 * @throws WrongUse if the file cannot be opened.
 */
export async function replay(path: string, { node, from = 0 }: ReplayOptions): Promise<number> {
  const progress = new Progress();
  try {
    const { header, end } = checkRecording(path);
    const onProgress: OnProgress = (what, share) => progress.show(what, share);
    const difference = await compare({ header, end }, path, onProgress);
    progress.clear();
    const shown = shownLines(path, { node, from, count: difference?.equal ?? end.lines });
    if (process.stdin.isTTY && process.stdout.isTTY) await stepThroughLines(shown);
    else await print(shown);
    if (difference === undefined) {
      console.log(`The run is the same as the recorded one: ${counted(end.lines)}, digest ${end.digest}.`);
      return exitCodes.fine;
    }
    for (const line of linesOf(difference)) console.log(line);
    return exitCodes.failed;
  } catch (error) {
    progress.clear();
    if (!(error instanceof DamagedRecording)) throw error;
    complain(error.message);
    return exitCodes.failed;
  }
}

/** Runs the simulation again until something differs from the recording. */
async function compare(
  { header, end }: RecordedRun,
  path: string,
  onProgress: OnProgress,
): Promise<Difference | undefined> {
  const expected = recordedLines(path);
  let equal = 0;
  let difference: Difference | undefined;
  let world: Simulation | undefined;
  let came: RecordedEnd['end'] = 'complete';
  const differ = (expectedText: string, cameText: string): void => {
    difference ??= { equal, expected: expectedText, came: cameText };
  };
  try {
    await spreadRumour(header.options, onProgress, (made) => {
      world = made;
      watchLines(made, (line) => {
        if (difference !== undefined) return;
        const next = expected.next().value?.text;
        if (next === line) equal += 1;
        else differ(textOfLine(next), textOfLine(line));
      });
      // Ends the run after the first difference.
      made.invariant('the run is the recorded one', () => difference === undefined);
    });
  } catch (error) {
    // A failed run is expected to fail again.
    if (!(error instanceof SimulationError)) throw error;
    came = 'failed';
  }
  const next = expected.next().value?.text;
  if (next !== undefined) differ(textOfLine(next), textOfLine(undefined));
  if (end.end !== came) differ(endings[end.end], endings[came]);
  if (end.digest !== world?.digest) differ(`digest ${end.digest}`, `digest ${world?.digest}`);
  expected.return(undefined);
  return difference;
}

const endings = { complete: 'the end of the run', failed: 'an invariant that does not hold' };

function* shownLines(
  path: string,
  { node, from, count }: { readonly node: number | undefined; readonly from: number; readonly count: number },
): Generator<string> {
  let number = 0;
  for (const { value } of recordedLines(path)) {
    if (number === count) return;
    number += 1;
    if (value.at >= from && isAbout(value, node)) yield textOf(value);
  }
}

/** Whether an event is about the node. A fault always counts, because it may concern every node. */
function isAbout(value: RecordedEvent | RecordedFault, node: number | undefined): boolean {
  return node === undefined || 'fault' in value || value.node === node || value.peer === node;
}

function textOf(value: RecordedEvent | RecordedFault): string {
  const at = `${value.at.toFixed(3)} ms`.padStart(14);
  if ('fault' in value) {
    const { kind, ...details } = value.fault;
    return `${at}  ${kind} ${shortened(JSON.stringify(details))}`;
  }
  const { node, event, peer, what } = value;
  const about = peer === undefined ? '' : `, node ${peer}`;
  return `${at}  node ${node}: ${event}${about}${what === undefined ? '' : `, ${shortened(what)}`}`;
}

const maxShownCharacters = 200;

function shortened(text: string): string {
  return text.length > maxShownCharacters ? `${text.slice(0, maxShownCharacters)}…` : text;
}

function linesOf({ equal, expected, came }: Difference): string[] {
  return [
    `The run differs from the recorded one after ${counted(equal)}:`,
    `  expected  ${expected}`,
    `  came      ${came}`,
  ];
}

function textOfLine(line: string | undefined): string {
  return line === undefined ? 'nothing more' : textOf(JSON.parse(line)).trim();
}

function counted(count: number): string {
  return `${count.toLocaleString('en')} events and faults`;
}

async function print(lines: Iterable<string>): Promise<void> {
  let count = 0;
  for (const line of lines) {
    console.log(line);
    count += 1;
    if (count % linesAtOnce === 0) await new Promise<void>(inNextTurn);
  }
}
