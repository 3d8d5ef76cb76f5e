import { checkOptions, checkWholeWithin, shown } from '../base/arguments.ts';

/** How a node announces itself to the network, and learns of other nodes. */
export interface PresenceOptions {
  /**
   * Milliseconds between two announcements of this node, from 1,000 to 600,000. If the node disappears, others notice
   * within three times this period. Each announcement is a broadcast to all nodes. Default 30,000.
   */
  readonly everyMs?: number | undefined;
}

/** {@link PresenceOptions}, completed with the defaults. */
export type ResolvedPresence = { readonly [Name in keyof PresenceOptions]-?: number };

/**
 * How a node learned that another node has left. `'stopped'`: the other node said so. `'silent'`: it has not announced
 * itself for three of its periods.
 */
export type LeaveReason = 'stopped' | 'silent';

export const defaultPresence = { everyMs: 30_000 } as const satisfies PresenceOptions;

export const minEveryMs = 1_000;
export const maxEveryMs = 600_000;

/** @returns `undefined` without presence. @throws TypeError or RangeError. */
export function resolvePresence(given: boolean | PresenceOptions): ResolvedPresence | undefined {
  if (given === false) return undefined;
  if (given === true) return defaultPresence;
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`presence must be true, false or an object of options, not ${shown(given)}`);
  checkOptions(given, Object.keys(defaultPresence), 'presence');
  const everyMs = given.everyMs ?? defaultPresence.everyMs;
  return { everyMs: checkWholeWithin('presence.everyMs', everyMs, [minEveryMs, maxEveryMs]) };
}
