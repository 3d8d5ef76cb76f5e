import type { NodeEventName } from './events.ts';
import type { NodeConnection } from './node-connection.ts';

/**
 * What a simulation sees of a node. It is not one of the node's handlers: a node with an observer behaves like one
 * without.
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
   * The content of a broadcast, also of one without a handler: this node sent it, it arrived for the first time, or once
   * more.
   *
   * @param hops links between the origin and this node.
   */
  broadcast(what: 'sent' | 'arrived' | 'repeated', id: string, hops: number): void;
  /** A handler of an event failed, and nothing handles `node_error`. */
  failed(event: NodeEventName, error: unknown): void;
}
