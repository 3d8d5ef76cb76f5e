import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Latency } from '../../simulator/network/latency.ts';
import { worldRegions } from '../../simulator/network/world-regions.ts';
import { WrongUse } from '../failure.ts';
import { latencyBoundMs, wholeBounds } from './rumour-options.ts';
import type { SimulateOptions } from './simulate.ts';

const help = `
The nodes connect at random. Then the faults happen, one node starts a rumour, and every
node that hears it tells all its peers, once. Everything runs in this process on virtual
time, and the seed decides all of it: the same command prints the same numbers.

Examples:
  Does a rumour survive the crash of half of the nodes?
    peerloom simulate --nodes 1000 --crash 0.5
  The same as a picture, with another seed:
    peerloom simulate --nodes 1000 --crash 0.5 --seed 8 --svg rumour.svg
  Nodes that come and go, over slow links that lose data:
    peerloom simulate --nodes 200 --churn 60 --latency 50-300 --loss 0.02 --seconds 120
  For other programs:
    peerloom simulate --json | jq .reached
  Look at what happened, event by event:
    peerloom simulate --nodes 20 --crash 0.5 --record run.jsonl
    peerloom simulate --replay run.jsonl --node 7`;

interface Replaying {
  readonly replay?: string;
  readonly node?: number;
  readonly from?: number;
}

/** Options that cannot be used with --replay, because a recording contains the options of its run. */
const notForReplay = 'nodes dials seed latency loss crash partition churn seconds svg json record'.split(' ');

const nodeNumbers = [0, wholeBounds.nodes[1] - 1] as const;

/** Registers `peerloom simulate`. */
export function addSimulateCommand(program: Command): void {
  program
    .command('simulate')
    .description('spread a rumour among many simulated nodes, and show what becomes of it')
    .option('--nodes <count>', 'how many nodes', wholeWithin(wholeBounds.nodes), 100)
    .option('--dials <count>', 'how many other nodes each node dials', wholeWithin(wholeBounds.dials), 3)
    .option('--seed <number>', 'decides everything that is left to chance', wholeWithin(wholeBounds.seed), 1)
    .addOption(
      new Option('--latency <ms>', 'from node to node: a number, a range, or world (measured distances)')
        .argParser(parseLatency)
        .default({ from: 10, to: 100 }, '10-100'),
    )
    .option('--loss <share>', 'which share of the data is lost, and sent again later', shareBelow(1), 0)
    .option('--crash <share>', 'which share of the nodes crashes before the rumour starts', shareUpTo(1), 0)
    .option(
      '--partition <share>',
      'which share of the nodes is cut off for the first half of the time',
      shareBelow(1),
      0,
    )
    .option(
      '--churn <count>',
      'how many nodes crash in a minute, each to restart within another',
      wholeWithin(wholeBounds.churn),
      0,
    )
    .option(
      '--seconds <count>',
      'how long the rumour may spread, in virtual time',
      wholeWithin(wholeBounds.seconds),
      30,
    )
    .option('--svg <file>', 'draw the run')
    .option('--json', 'print the summary as one line of JSON')
    .option('--record <file>', 'write each event of the run into a file')
    .addOption(
      new Option(
        '--replay <file>',
        'run a recording again, and list its events; on a terminal one by one',
      ).conflicts(notForReplay),
    )
    .option(
      '--node <number>',
      'with --replay: only events of this node, or about it',
      wholeWithin(nodeNumbers),
    )
    .option('--from <ms>', 'with --replay: nothing before this moment of virtual time', parseMoment)
    .addHelpText('after', help)
    .action(async ({ replay: recording, node, from, ...options }: SimulateOptions & Replaying) => {
      // The simulator is loaded only here, because other commands do not need it.
      if (recording !== undefined) {
        const { replay } = await import('./replay.ts');
        process.exitCode = await replay(recording, { node, from });
        return;
      }
      if (node !== undefined || from !== undefined)
        throw new WrongUse('--node and --from are for --replay; see peerloom simulate --help');
      const { simulate } = await import('./simulate.ts');
      process.exitCode = await simulate(options);
    });
}

function wholeWithin([least, most]: readonly [number, number]): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

function shareUpTo(most: number): (text: string) => number {
  return (text) => {
    const value = numberIn(text);
    if (value <= most) return value;
    throw new InvalidArgumentError(`It must be a share from 0 to ${most}, such as 0.5.`);
  };
}

function shareBelow(bound: number): (text: string) => number {
  return (text) => {
    const value = numberIn(text);
    if (value < bound) return value;
    throw new InvalidArgumentError(`It must be a share from 0 to below ${bound}, such as 0.05.`);
  };
}

function parseMoment(text: string): number {
  const ms = numberIn(text);
  if (ms >= 0) return ms;
  throw new InvalidArgumentError('It must be milliseconds, such as 1500.');
}

function parseLatency(text: string): Latency {
  if (text === 'world') return worldRegions;
  const [from, to = from, ...more] = text.split('-').map(numberIn) as [number, ...number[]];
  if (from <= to && to < latencyBoundMs && more.length === 0) return from === to ? from : { from, to };
  throw new InvalidArgumentError('It must be milliseconds, such as 20, a range, such as 10-100, or world.');
}

/** Reads a decimal number. NaN for other text: JavaScript would read '' as 0, and '0x10' as 16. */
function numberIn(text: string): number {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}
