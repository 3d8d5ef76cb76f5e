import { messageOf } from '../../base/arguments.ts';
import { Simulation } from '../simulation.ts';
import { SimulationError } from '../simulation-error.ts';
import type { SimulationOptions } from '../simulation-options.ts';
import { describeEntry } from '../watch/trace.ts';
import type { Case } from './shrink.ts';

/** What happens in a world: it makes nodes, lets them work, breaks things, and throws if something is not as it should. */
export type Program = (world: Simulation) => unknown;

/** How a program failed. */
export interface Outcome extends Case {
  readonly error: unknown;
  /** Equal for failures of the same kind. */
  readonly kind: string;
  /** The virtual time. */
  readonly timeMs: number;
  /** What went wrong, and the last events. */
  readonly text: string;
}

/** How many events are shown if it is not known which nodes are concerned. */
const shownEvents = 20;

/**
 * Runs a program in a world of its own, and ends that world.
 *
 * @returns undefined: nothing failed.
 */
export async function outcomeOf(program: Program, options: SimulationOptions): Promise<Outcome | undefined> {
  const world = new Simulation(options);
  try {
    await program(world);
    await world.end();
    return undefined;
  } catch (error) {
    const { nodes, faults, now } = world;
    const numbers = nodes.map((node) => world.indexOf(node)!);
    return { nodes: numbers, faults, timeMs: now, error, kind: kindOf(error), text: textOf(error, world) };
  }
}

/** Messages of assertions show values, which differ from case to case. */
function kindOf(error: unknown): string {
  if (error instanceof SimulationError) {
    return `invariant ${error.failure.invariant}${error.cause === undefined ? '' : `, ${kindOf(error.cause)}`}`;
  }
  const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown };
  return `${name} ${code}`;
}

function textOf(error: unknown, world: Simulation): string {
  // It has the last events already, those of the nodes concerned.
  if (error instanceof SimulationError) return error.message;
  const events = world.lastEvents(shownEvents).map((entry) => `\n  ${describeEntry(entry)}`);
  if (events.length === 0) return messageOf(error);
  return `${messageOf(error)}\nThe last events:${events.join('')}`;
}
