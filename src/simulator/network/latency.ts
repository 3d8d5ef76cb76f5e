import { checkType, shown } from '../../base/arguments.ts';
import type { SeededChance } from '../seeded-chance.ts';

/** Regions of the world, and the latency from each region to each other. */
export interface RegionLatencies {
  /** The names of the regions. */
  readonly regions: readonly string[];
  /** `oneWayMs[from][to]`: milliseconds from one region to another. Indices are those of `regions`. */
  readonly oneWayMs: readonly (readonly number[])[];
}

/**
 * How long bytes take from one node to another, in milliseconds.
 *
 * - a number: the same between all nodes.
 * - {@link LatencyRange}: each pair of nodes has its own latency, which the seed picks from this range.
 * - {@link RegionLatencies}, such as `worldRegions`: it depends on the regions of the two nodes. Each node is in a
 *   region that the seed picks, unless `spawn` names one.
 */
export type Latency = number | LatencyRange | RegionLatencies;

/** The smallest and the largest latency of a pair of nodes. */
export interface LatencyRange {
  /** The smallest latency, in milliseconds. */
  readonly from: number;
  /** The largest latency, in milliseconds. */
  readonly to: number;
}

/** @throws TypeError or RangeError with the option, the rule and the value. */
export function checkLatency(latency: Latency): Latency {
  if (typeof latency === 'number') return checkMs('latencyMs', latency);
  checkType('latencyMs', latency, 'object');
  if (isRegional(latency)) {
    const { regions, oneWayMs } = latency;
    const isSquare =
      regions.length > 0 &&
      oneWayMs.length === regions.length &&
      oneWayMs.every(({ length }) => length === regions.length);
    if (!isSquare) {
      throw new RangeError(
        'latencyMs.oneWayMs must have a row, and in each row a number, for each of the regions',
      );
    }
    for (const row of oneWayMs) for (const ms of row) checkMs('each of latencyMs.oneWayMs', ms);
    return latency;
  }
  const { from, to } = latency;
  checkMs('latencyMs.from', from);
  checkMs('latencyMs.to', to);
  if (from > to) throw new RangeError(`latencyMs.from must be at most latencyMs.to, ${to}, not ${from}`);
  return latency;
}

/** @throws TypeError or RangeError if the value is not a number of milliseconds. */
export function checkMs(name: string, ms: number): number {
  checkType(name, ms, 'number');
  if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`${name} must be a number of milliseconds, 0 or more, not ${shown(ms)}`);
  }
  return ms;
}

export function isRegional(latency: Latency): latency is RegionLatencies {
  return typeof latency === 'object' && 'regions' in latency;
}

/** A place in the network. Each pair of places has a latency. */
export interface Place {
  readonly index: number;
  /** The number of its region. */
  readonly region: number;
}

/** The milliseconds from one place to another. Without regions, both directions of a pair have the same latency. */
export function latencyBetween(latency: Latency, chance: SeededChance, from: Place, to: Place): number {
  if (typeof latency === 'number') return latency;
  if (isRegional(latency)) return latency.oneWayMs[from.region]![to.region]!;
  const [lower, higher] = from.index < to.index ? [from.index, to.index] : [to.index, from.index];
  return latency.from + (latency.to - latency.from) * chance.once(`${lower}-${higher}`, 'latency');
}
