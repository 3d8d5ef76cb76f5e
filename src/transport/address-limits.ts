import { isLoopback, sourceOf } from '../base/address.ts';

/**
 * Whether the limits on connections from one address apply to a link: never, to all but those from this machine, or to
 * those as well. Pages in a browser are not to be trusted for running on this machine.
 */
export type LimitsByAddress = boolean | 'loopback too';

/** The address by which a link from a host counts; `undefined` where the limits do not apply. */
export function limitedSource(limits: LimitsByAddress | undefined, host: string): string | undefined {
  if (limits === false) return undefined;
  return limits !== 'loopback too' && isLoopback(host) ? undefined : sourceOf(host);
}
