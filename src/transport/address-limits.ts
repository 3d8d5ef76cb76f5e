import { isLoopback, sourceOf } from '../base/address.ts';

/**
 * Whether the limits on connections from one address apply to a link: never, to all but those from this machine, or to
 * those as well. Pages in a browser are not to be trusted for running on this machine. `'by peer'`: they apply to the id
 * of the peer in place of its address, which many peers share, as behind a relay.
 */
export type LimitsByAddress = boolean | 'loopback too' | 'by peer';

/** By what a link from a host, and from the peer of an id, counts; `undefined` where the limits do not apply. */
export function limitedSource(
  limits: LimitsByAddress | undefined,
  host: string,
  id: string,
): string | undefined {
  if (limits === false) return undefined;
  if (limits === 'by peer') return id;
  return limits !== 'loopback too' && isLoopback(host) ? undefined : sourceOf(host);
}
