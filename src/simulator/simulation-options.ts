import { checkType, shown } from '../base/arguments.ts';
import type { Duration } from './duration.ts';
import type { TimedFault } from './faults/fault.ts';
import { checkLatency, checkMs, type Latency } from './network/latency.ts';
import type { LinkQuality } from './network/simulated-network.ts';
import type { WorldEvent } from './watch/watch.ts';

/** The options of a `Simulation`. */
export interface SimulationOptions {
  /** Decides everything that is left to chance. A whole number. Default 0. */
  readonly seed?: number;
  /** How long bytes take from node to node, see {@link Latency}. Default 20 ms. */
  readonly latencyMs?: Latency;
  /** Each piece of data takes a random time longer: up to this many milliseconds. Default 0. */
  readonly jitterMs?: number;
  /** The bandwidth of each direction of a link, in bytes a second. Default: no limit. */
  readonly bytesPerSecond?: number;
  /**
   * The probability that a piece of data is lost and has to be sent again: at least 0, less than 1. Links are reliable,
   * as TCP is: loss shows as delay. Default 0.
   */
  readonly loss?: number;
  /**
   * `'wire'`: links carry the bytes that real ones carry. `'fast'`: small messages go from node to node without being
   * encoded, see docs/simulator.md. Default `'wire'`.
   */
  readonly mode?: 'wire' | 'fast';
  /**
   * Whether a run fails when nodes reach past the world: for the time, chance and timers of the system, or, where
   * Node.js can tell, for threads, files and sockets. Such runs are not the same for the same seed. Default true.
   */
  readonly guard?: boolean;
  /** Repeats a part of an earlier run with the same seed, see {@link PartOfRun}. Default: the whole program runs. */
  readonly only?: PartOfRun;
}

/** The names of the options. */
export const simulationOptionNames = [
  'seed',
  'latencyMs',
  'jitterMs',
  'bytesPerSecond',
  'loss',
  'mode',
  'guard',
  'only',
] as const;

/** The options of `Simulation.spawn`. */
export interface SpawnOptions {
  /** The name of their region, where `latencyMs` has regions. Default: the seed picks one for each node. */
  readonly region?: string;
  /** Whether other nodes can dial these nodes. False: as behind a NAT. Default true. */
  readonly reachable?: boolean;
}

/** How long `Simulation.run` runs until something is so. */
export interface RunUntil {
  /** Asked whenever all work of a moment is done. The run ends when it returns true. */
  readonly until: () => boolean;
  /** How long that may take at most. Default: one day. */
  readonly within?: Duration;
}

/** What `Simulation.on` listens to. */
export interface SimulationEvents {
  /** A node reports an event; called before the node's own handlers. */
  event: (event: WorldEvent) => void;
  /** A fault has happened. */
  fault: (fault: TimedFault) => void;
}

/** What of a run is repeated. Nothing else changes, since each node and each fault has a stream of chance of its own. */
export interface PartOfRun {
  /** Only the nodes with these numbers are made. Default: all. */
  readonly nodes?: readonly number[] | undefined;
  /** Only these faults happen, at their moments, whatever the program asks for. Default: those that it asks for. */
  readonly faults?: readonly TimedFault[] | undefined;
}

const defaults = { latencyMs: 20, jitterMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY, loss: 0 } as const;

/** @throws TypeError or RangeError with the option, the rule and the value. */
export function checkQuality(
  given: Omit<SimulationOptions, 'seed' | 'only' | 'mode' | 'guard'>,
): LinkQuality {
  const { latencyMs, jitterMs, bytesPerSecond, loss } = defaults;
  const quality = {
    latencyMs: given.latencyMs ?? latencyMs,
    jitterMs: given.jitterMs ?? jitterMs,
    bytesPerSecond: given.bytesPerSecond ?? bytesPerSecond,
    loss: given.loss ?? loss,
  };
  checkLatency(quality.latencyMs);
  checkMs('jitterMs', quality.jitterMs);
  checkType('bytesPerSecond', quality.bytesPerSecond, 'number');
  if (!(quality.bytesPerSecond > 0))
    throw new RangeError(`bytesPerSecond must be above 0, not ${shown(quality.bytesPerSecond)}`);
  checkType('loss', quality.loss, 'number');
  if (!(quality.loss >= 0 && quality.loss < 1))
    throw new RangeError(`loss must be at least 0 and below 1, not ${shown(quality.loss)}`);
  return quality;
}
