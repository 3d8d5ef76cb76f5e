import type { NodeConnection } from './node-connection.ts';

/** What a node knows of the route to another node, see {@link Node.route}. */
export interface Route {
  /** The connection with that node itself, or with the peer over which its latest broadcast came. */
  readonly via: NodeConnection;
  /**
   * How many links the broadcast crossed, at most 255, as reported by the nodes in between. 1: the connection is with
   * that node itself.
   */
  readonly hops: number;
  /** How long ago this was learned, in milliseconds. 0 for a peer, because it is true now. */
  readonly ageMs: number;
}
