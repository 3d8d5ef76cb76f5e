import { checkOptions, checkType, shown } from '../../base/arguments.ts';
import { systemRuntime } from '../../base/runtime.ts';
import type { TimedFault } from '../faults/fault.ts';
import { type SimulationOptions, simulationOptionNames } from '../simulation-options.ts';
import { asCode } from './as-code.ts';
import { type Outcome, outcomeOf, type Program } from './outcome.ts';
import { type Case, shrink } from './shrink.ts';

/** The options of {@link check}: the options of the worlds, and their seeds. */
export interface CheckOptions extends Omit<SimulationOptions, 'only'> {
  /** How many worlds are run. Their seeds are 1, 2, 3, and so on. Default 100. */
  readonly seeds?: number;
  /** Runs only the world with this seed. */
  readonly seed?: number;
  /** Together with `seed`: only the nodes with these numbers are created. */
  readonly nodes?: readonly number[];
  /** Together with `seed`: only these faults happen, at their times, instead of the program's faults. */
  readonly faults?: readonly TimedFault[];
  /** How long `check` looks for a smaller failing case, in milliseconds of real time. 0: not at all. Default 10,000. */
  readonly shrinkMs?: number;
}

/** Thrown by {@link check} if the program fails in a simulated world. */
export class CheckError extends Error {
  /** The seed of the world. */
  readonly seed: number;
  /** The numbers of the nodes in the failing case. */
  readonly nodes: readonly number[];
  /** The faults of the failing case. */
  readonly faults: readonly TimedFault[];
  /** When the program fails, in milliseconds of virtual time. */
  readonly timeMs: number;
  /** Code of a {@link check} call that repeats the failure. Paste it into a test. */
  readonly code: string;

  /** @internal */
  constructor(seed: number, { nodes, faults, timeMs, text, error }: Outcome, report: Report) {
    super(`${report.summary}\n${text}\n\nThis call runs the case again:\n\n${report.code}\n`, {
      cause: error,
    });
    this.name = 'CheckError';
    this.seed = seed;
    this.nodes = nodes;
    this.faults = faults;
    this.timeMs = timeMs;
    this.code = report.code;
  }
}

interface Report {
  /** The failure in one line. */
  readonly summary: string;
  readonly code: string;
}

const defaults = { seeds: 100, shrinkMs: 10_000 } as const;

/**
 * Runs a program in one simulated world after another, each with its own seed, until the program throws or an invariant
 * of the world does not hold. When the program ends, the nodes of its world are stopped.
 *
 * After a failure, `check` looks for the fewest faults and nodes with which the program still fails in the same way,
 * and throws. The message contains what went wrong and when, the last events, and a call that runs the case again.
 *
 * @throws CheckError if the program fails; TypeError or RangeError for wrong options.
 * @example
 * await check(async function votesAreCounted(world) {
 *   const [office, ...voters] = world.spawn(5, ({ host, port, options }) => new Ballot(host, port, options));
 *   world.churn({ perMinute: 5 });
 *   await world.run({ minutes: 2 });
 *   assert.equal(office.votes.size, voters.length);
 * });
 */
export async function check(program: Program, options: CheckOptions = {}): Promise<void> {
  checkType('program', program, 'function');
  checkOptions(options, [...simulationOptionNames, ...Object.keys(defaults), 'nodes', 'faults']);
  const {
    seeds = defaults.seeds,
    shrinkMs = defaults.shrinkMs,
    seed,
    nodes,
    faults,
    ...worldOptions
  } = options;
  if (seed === undefined && (nodes !== undefined || faults !== undefined)) {
    throw new TypeError('nodes and faults need a seed: they are those of one world');
  }
  if (!Number.isSafeInteger(seeds) || seeds < 1) {
    throw new RangeError(`seeds must be a whole number, 1 or more, not ${shown(seeds)}`);
  }
  if (!(shrinkMs >= 0)) throw new RangeError(`shrinkMs must be 0 or more, not ${shown(shrinkMs)}`);
  const [first, last] = seed === undefined ? [1, seeds] : [seed, seed];
  for (let one = first; one <= last; one++) {
    const world = { seed: one, ...worldOptions };
    const run = (only?: SimulationOptions['only']): Promise<Outcome | undefined> =>
      outcomeOf(program, { ...world, ...(only && { only }) });
    const given = nodes === undefined && faults === undefined ? undefined : { nodes, faults };
    const failure = await run(given);
    if (failure === undefined) continue;
    const found = given === undefined ? await smallest(failure, run, shrinkMs) : failure;
    // If there is no smaller case, the seed alone repeats the run.
    const part = found === failure ? given : { nodes: found.nodes, faults: found.faults };
    throw new CheckError(one, found, {
      summary: summaryOf(program, { seed: one, failure, found }),
      code: callOf(program, { ...world, ...part }),
    });
  }
}

/** Returns the smallest case found in time that fails in the same way. */
async function smallest(
  failure: Outcome,
  run: (only: Case) => Promise<Outcome | undefined>,
  withinMs: number,
): Promise<Outcome> {
  const endMs = systemRuntime.now() + withinMs;
  let found = failure;
  await shrink(failure, async (smaller) => {
    if (systemRuntime.now() >= endMs) return false;
    const outcome = await run(smaller);
    if (outcome?.kind !== failure.kind) return false;
    found = { ...outcome, ...smaller };
    return true;
  });
  return found;
}

function summaryOf(
  program: Program,
  { seed, failure, found }: { readonly seed: number; readonly failure: Outcome; readonly found: Outcome },
): string {
  const what = `With seed ${seed}, ${program.name || 'the program'} fails after ${Math.round(found.timeMs)} ms of virtual time`;
  if (found === failure) return `${what}.`;
  const counted = (part: readonly unknown[], all: readonly unknown[], name: string): string =>
    `${part.length} of ${all.length} ${name}${all.length === 1 ? '' : 's'}`;
  const nodes = counted(found.nodes, failure.nodes, 'node');
  return `${what}; ${nodes} and ${counted(found.faults, failure.faults, 'fault')} are enough.`;
}

/** Writes a call of {@link check} as code, with one line for each option and fault. */
function callOf(program: Program, { faults, ...options }: CheckOptions): string {
  const lines = Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}: ${asCode(value)},\n`);
  if (faults?.length === 0) lines.push('  faults: [],\n');
  else if (faults) lines.push('  faults: [\n', ...faults.map((fault) => `    ${asCode(fault)},\n`), '  ],\n');
  return `await check(${program.name || 'program'}, {\n${lines.join('')}});`;
}
