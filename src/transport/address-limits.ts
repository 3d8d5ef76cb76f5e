import { isLoopback, sourceOf } from '../base/address.ts';

/**
 * Whether limits per address apply to a link. True: they apply, except to links from this machine. `'loopback too'`:
 * they apply to those as well, because a page in a browser is not trusted for running on this machine. `'by peer'`:
 * they apply to the id of the peer in place of its address, which many peers share behind a relay.
 */
export type LimitsByAddress = boolean | 'loopback too' | 'by peer';

/** The text by which a link from a host, and from the peer `id`, counts. `undefined` if the limits do not apply. */
export function limitedSource(
  limits: LimitsByAddress | undefined,
  host: string,
  id: string,
): string | undefined {
  if (limits === false) return undefined;
  if (limits === 'by peer') return id;
  return limits !== 'loopback too' && isLoopback(host) ? undefined : sourceOf(host);
}
