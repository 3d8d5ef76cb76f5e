import { checkType, shown } from '../base/arguments.ts';
import type { Duration } from './duration.ts';
import type { TimedFault } from './faults/fault.ts';
import { checkLatency, checkMs, type Latency } from './network/latency.ts';
import type { LinkQuality } from './network/simulated-network.ts';
import type { WorldEvent } from './watch/watch.ts';

/** The options of a `Simulation`. */
export interface SimulationOptions {
  /** Decides everything that is random. A whole number. Default 0. */
  readonly seed?: number;
  /** How long bytes take from one node to another, see {@link Latency}. Default 20 ms. */
  readonly latencyMs?: Latency;
  /** The largest random delay that is added to each piece of data, in milliseconds. Default 0. */
  readonly jitterMs?: number;
  /** The bandwidth of each direction of a link, in bytes a second. Default: no limit. */
  readonly bytesPerSecond?: number;
  /**
   * The probability that a piece of data is lost and has to be sent again: at least 0, less than 1. Links are reliable
   * like TCP, so loss shows as delay. Default 0.
   */
  readonly loss?: number;
  /**
   * `'wire'`: links carry the same bytes as real links. `'fast'`: links carry small messages without encoding them, see
   * docs/simulator.md. Default `'wire'`.
   */
  readonly mode?: 'wire' | 'fast';
  /**
   * Whether a run fails if its nodes use the system's time, random numbers or timers. On Node.js 24 it also fails if
   * they use threads, files or sockets. Such runs are not the same for the same seed. Default true.
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
  /** The name of the nodes' region, if `latencyMs` has regions. Default: the seed picks a region for each node. */
  readonly region?: string;
  /** Whether other nodes can dial these nodes. False is like a node behind a NAT. Default true. */
  readonly reachable?: boolean;
}

/** Makes `Simulation.run` run until a condition holds. */
export interface RunUntil {
  /** Called whenever all work of a moment is done. The run ends when it returns true. */
  readonly until: () => boolean;
  /** How much virtual time this may take. Default: one day. */
  readonly within?: Duration;
}

/** The events of `Simulation.on`. */
export interface SimulationEvents {
  /** Called when a node reports an event, before the node's own handlers. */
  event: (event: WorldEvent) => void;
  /** Called after a fault has happened. */
  fault: (fault: TimedFault) => void;
}

/**
 * The part of a run that is repeated. Nothing else changes, because each node and each kind of fault has its own random
 * stream.
 */
export interface PartOfRun {
  /** Only the nodes with these numbers are created. Default: all nodes. */
  readonly nodes?: readonly number[] | undefined;
  /** Only these faults happen, at their times, instead of the program's faults. Default: the program's faults. */
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
