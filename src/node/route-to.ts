import { checkGivenId } from '../api/given-id.ts';
import type { Route } from '../api/route.ts';
import { checkType } from '../base/arguments.ts';
import type { Peers } from '../peers/peers.ts';
import type { Broadcasts } from './broadcasts.ts';

/** The sources of routes. */
export interface RouteSources {
  readonly peers: Pick<Peers, 'find'>;
  readonly broadcasts: Pick<Broadcasts, 'pathTo'>;
  readonly nowMs: number;
}

/** Finds which peer leads to a node, see {@link Node.route}. */
export function routeTo(id: string, { peers, broadcasts, nowMs }: RouteSources): Route | undefined {
  checkGivenId('id', checkType('id', id, 'string'));
  const peer = peers.find(id)?.connection?.connection;
  if (peer !== undefined) return { via: peer, hops: 1, ageMs: 0 };
  const path = broadcasts.pathTo(id);
  const via = path && peers.find(path.via)?.connection?.connection;
  return via && { via, hops: path.hops, ageMs: nowMs - path.arrivedAtMs };
}
