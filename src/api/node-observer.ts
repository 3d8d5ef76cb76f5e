import type { NodeEventName } from './events.ts';
import type { NodeConnection } from './node-connection.ts';

/**
 * What a simulation sees of a node. An observer does not count as a handler: it does not change the node's behaviour.
 */
export interface NodeObserver {
  /** The node accepted a message for a peer (a delivery counts as one), or a request. */
  sent(peer: NodeConnection, data: unknown, kind: 'message' | 'request'): void;
  /**
   * An event, before its handlers run. Messages, deliveries and requests of a kind that has a handler count as
   * `node_message` and `node_request` too.
   */
  happened(event: NodeEventName, peer: NodeConnection | undefined, data: unknown): void;
  /**
   * This node sent a broadcast, or received it for the first time or again. Also called if there is no handler.
   *
   * @param hops links between the origin and this node.
   */
  broadcast(what: 'sent' | 'arrived' | 'repeated', id: string, hops: number): void;
  /** A handler of an event failed. Not called if `node_error` has a handler. */
  failed(event: NodeEventName, error: unknown): void;
}
