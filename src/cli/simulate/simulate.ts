import { closeSync, openSync, writeSync } from 'node:fs';
import type { Latency } from '../../simulator/network/latency.ts';
import type { Simulation } from '../../simulator/simulation.ts';
import { complain, exitCodes, WrongUse } from '../failure.ts';
import { Progress } from './progress.ts';
import { type RecordedEnd, Recording } from './recording.ts';
import { type OnProgress, type RumourOptions, type RumourRun, spreadRumour } from './rumour.ts';
import { rowsOf, type Summary, summaryOf, titleOf } from './summary.ts';

/** The options of `peerloom simulate`, as the command line gives them. */
export interface SimulateOptions extends Omit<RumourOptions, 'latencyMs'> {
  readonly latency: Latency;
  readonly svg?: string;
  readonly json?: true;
  readonly record?: string;
}

/**
 * Simulates a rumour and prints the outcome.
 *
 * @returns the exit code.
 * @throws WrongUse if the picture or the recording cannot be written.
 */
export async function simulate({ svg, json, record, latency, ...rest }: SimulateOptions): Promise<number> {
  const options = { ...rest, latencyMs: latency };
  // The file is opened before the run, which may take minutes.
  const file = svg === undefined ? undefined : openForWriting(svg);
  const recording = record === undefined ? undefined : new Recording(record, options);
  const progress = new Progress();
  const onProgress: OnProgress = (what, share) => progress.show(what, share);
  const run = await (recording === undefined
    ? spreadRumour(options, onProgress)
    : recorded(recording, options, onProgress));
  const summary = summaryOf(run);
  if (file !== undefined) {
    progress.show('drawing', 1);
    writeSync(file, await drawn(options, run, summary));
    closeSync(file);
  }
  progress.clear();
  if (json) console.log(JSON.stringify(summary));
  else print(rowsOf(summary));
  if (recording?.failure === undefined) return exitCodes.fine;
  complain(`--record could not write the recording: ${recording.failure.message}`);
  return exitCodes.failed;
}

/** Runs and records a simulation. A run that fails is recorded as well. */
async function recorded(
  recording: Recording,
  options: RumourOptions,
  onProgress: OnProgress,
): Promise<RumourRun> {
  let world: Simulation | undefined;
  let end: RecordedEnd['end'] = 'failed';
  try {
    const run = await spreadRumour(options, onProgress, (made) => {
      world = made;
      recording.watch(made);
    });
    end = 'complete';
    return run;
  } finally {
    recording.end(end, world?.digest ?? '');
  }
}

/** Draws the run as SVG. The library that places the nodes is loaded only here. */
async function drawn(
  options: RumourOptions,
  { members, links }: RumourRun,
  summary: Summary,
): Promise<string> {
  const { draw } = await import('../../simulator/drawing/picture.ts');
  const { running, reached } = summary;
  return draw({
    title: titleOf(options),
    subtitle: `${reached.toLocaleString('en')} of the ${running.toLocaleString('en')} nodes that run heard of it · seed ${options.seed} · peerloom simulate`,
    nodes: members.map(({ isUp, heardAfterMs }) => ({ isUp, reachedAtMs: heardAfterMs })),
    links,
  });
}

function print(rows: readonly (readonly [name: string, value: string])[]): void {
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`);
}

function openForWriting(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    const { message } = error as Error;
    throw new WrongUse(`--svg cannot write the picture, choose another file: ${message}`);
  }
}
