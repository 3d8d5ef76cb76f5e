import { messageOf } from '../../base/arguments.ts';
import { Simulation } from '../simulation.ts';
import { SimulationError } from '../simulation-error.ts';
import type { SimulationOptions } from '../simulation-options.ts';
import { describeEntry } from '../watch/trace.ts';
import type { Case } from './shrink.ts';

/** The program of a world: it creates nodes, runs them, causes faults, and throws if something is wrong. */
export type Program = (world: Simulation) => unknown;

/** How a program failed. */
export interface Outcome extends Case {
  readonly error: unknown;
  /** The kind of failure, to compare with other failures. */
  readonly kind: string;
  /** The virtual time of the failure, in milliseconds. */
  readonly timeMs: number;
  /** A description of the failure, with the last events. */
  readonly text: string;
}

/** How many events are shown if the nodes concerned are not known. */
const shownEvents = 20;

/**
 * Runs a program in a new world, and ends that world.
 *
 * @returns the failure. `undefined` if nothing failed.
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

/** The kind of a failure. It excludes messages, because those of assertions contain values that differ in each case. */
function kindOf(error: unknown): string {
  if (error instanceof SimulationError) {
    return `invariant ${error.failure.invariant}${error.cause === undefined ? '' : `, ${kindOf(error.cause)}`}`;
  }
  const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown };
  return `${name} ${code}`;
}

function textOf(error: unknown, world: Simulation): string {
  // Its message already shows the last events of the nodes concerned.
  if (error instanceof SimulationError) return error.message;
  const events = world.lastEvents(shownEvents).map((entry) => `\n  ${describeEntry(entry)}`);
  if (events.length === 0) return messageOf(error);
  return `${messageOf(error)}\nThe last events:${events.join('')}`;
}
