import type { TimedFault } from './faults/fault.ts';
import { describeEntry, type TraceEntry } from './watch/trace.ts';

/** The details of a {@link SimulationError}. */
export interface Failure {
  /** The name of the invariant that does not hold. */
  readonly invariant: string;
  /** What is wrong. */
  readonly problem: string;
  /** The seed of the world. */
  readonly seed: number;
  /** When the failure was found, in milliseconds since the world began. */
  readonly timeMs: number;
  /** The numbers of the nodes concerned. Empty if they are not known. */
  readonly nodes: readonly number[];
  /** The last events of these nodes, or of all nodes if `nodes` is empty. The oldest comes first. */
  readonly lastEvents: readonly TraceEntry[];
  /** All faults that happened before the failure. */
  readonly faults: readonly TimedFault[];
}

/** An invariant does not hold. `world.run` and `world.settle` reject with this error. */
export class SimulationError extends Error {
  /** What failed, where and when. */
  readonly failure: Failure;

  /** @internal */
  constructor(failure: Failure, options?: ErrorOptions) {
    const { invariant, problem, seed, timeMs, nodes, lastEvents } = failure;
    const of = nodes.length === 0 ? '' : ` of ${nodes.map((node) => `node ${node}`).join(', ')}`;
    const events = lastEvents.map((entry) => `\n  ${describeEntry(entry)}`).join('');
    super(
      `${invariant}: ${problem} (seed ${seed}, ${timeMs} ms)${events === '' ? '' : `\nThe last events${of}:${events}`}`,
      options,
    );
    this.name = 'SimulationError';
    this.failure = failure;
  }
}
