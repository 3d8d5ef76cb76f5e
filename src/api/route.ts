import type { NodeConnection } from './node-connection.ts';

/** What a node knows of the way to another one, see {@link Node.route}. */
export interface Route {
  /** The connection with that node itself, or with the peer over which its latest broadcast came. */
  readonly via: NodeConnection;
  /**
   * Over how many links the broadcast came, at most 255, as the nodes between say. 1: the connection is with that node
   * itself.
   */
  readonly hops: number;
  /** For how many milliseconds this has been known. 0 for a peer: it holds now. */
  readonly ageMs: number;
}
