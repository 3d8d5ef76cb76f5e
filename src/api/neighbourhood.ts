import { checkOptions, checkType, checkWholeWithin, shown } from '../base/arguments.ts';
import type { NodeConnection } from './node-connection.ts';

/** How a node chooses its neighbours automatically. */
export interface NeighbourhoodOptions {
  /**
   * How many neighbours the node wants, from 2 to 16. Default 5, which suits networks of up to tens of thousands of
   * nodes.
   */
  readonly active?: number | undefined;
  /** How many other nodes it remembers as replacements for neighbours, from 4 to 128. Default 30. */
  readonly passive?: number | undefined;
  /** Milliseconds between two exchanges of known nodes with another node, from 1,000 to 600,000. Default 10,000. */
  readonly periodMs?: number | undefined;
  /**
   * Whether the node dials private addresses (such as 192.168.0.0/16) that it learned from nodes with public addresses.
   * Addresses that nodes within the local network tell each other need no permission. Default false.
   */
  readonly privateAddresses?: boolean | undefined;
}

/** {@link NeighbourhoodOptions}, completed with the defaults. */
export type ResolvedNeighbourhood = {
  readonly [Name in keyof NeighbourhoodOptions]-?: NonNullable<NeighbourhoodOptions[Name]>;
};

/** The neighbours of a node that chooses them automatically. */
export interface Neighbourhood {
  /**
   * The connections with its neighbours. Broadcasts also go to all other peers. Being neighbours is mutual, apart from
   * a short time in which one side does not know yet.
   */
  readonly active: readonly NodeConnection[];
  /** The ids of nodes that can replace a neighbour. Some may be gone. */
  readonly passive: readonly string[];
}

export const defaultNeighbourhood = {
  active: 5,
  passive: 30,
  periodMs: 10_000,
  privateAddresses: false,
} as const satisfies NeighbourhoodOptions;

const bounds = { active: [2, 16], passive: [4, 128], periodMs: [1_000, 600_000] } as const;

/** @returns undefined if the user chooses the neighbours. @throws TypeError or RangeError. */
export function resolveNeighbourhood(
  given: 'manual' | 'automatic' | NeighbourhoodOptions,
): ResolvedNeighbourhood | undefined {
  if (given === 'manual') return undefined;
  if (given === 'automatic') return defaultNeighbourhood;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(
      `neighbourhood must be 'manual', 'automatic' or an object of options, not ${shown(given)}`,
    );
  }
  checkOptions(given, Object.keys(defaultNeighbourhood), 'neighbourhood');
  const resolved = {
    active: given.active ?? defaultNeighbourhood.active,
    passive: given.passive ?? defaultNeighbourhood.passive,
    periodMs: given.periodMs ?? defaultNeighbourhood.periodMs,
    privateAddresses: given.privateAddresses ?? defaultNeighbourhood.privateAddresses,
  };
  checkType('neighbourhood.privateAddresses', resolved.privateAddresses, 'boolean');
  for (const name of ['active', 'passive', 'periodMs'] as const) {
    checkWholeWithin(`neighbourhood.${name}`, resolved[name], bounds[name]);
  }
  return Object.freeze(resolved);
}
