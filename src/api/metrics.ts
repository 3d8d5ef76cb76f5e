import type { CountsByCode } from '../base/meter.ts';

/**
 * What {@link Node.metrics} returns. Counts begin with the construction of the node and only grow; sizes are of this
 * moment.
 */
export interface NodeMetrics {
  /** Messages, deliveries and requests. */
  readonly messages: {
    /** A message to several peers counts for each of them. */
    readonly sent: number;
    /** How many were handed to handlers. */
    readonly received: number;
    /** How many were rejected, for example because they could not be decoded. */
    readonly rejected: number;
    /** The rejected ones by the code of their error, such as `{ ERR_SCHEMA: 2 }`. */
    readonly rejectedBy: CountsByCode;
  };
  /** Broadcasts that no handler received, because handlers were slower than they arrived. */
  readonly broadcastsDropped: number;
  /** Copies of broadcasts that arrived when the node had them already: what the network's redundancy costs it. */
  readonly broadcastCopies: number;
  /** Bytes that all connections sent, past and present, see {@link ConnectionMetrics.sentBytes}. */
  readonly sentBytes: number;
  /** Bytes that all connections received, past and present, see {@link ConnectionMetrics.receivedBytes}. */
  readonly receivedBytes: number;
  /** Bytes that wait to be sent, over all connections. */
  readonly queuedBytes: number;
  /** Messages, deliveries and requests that wait for handlers, over all connections. */
  readonly unhandledMessages: number;
  /** How many connections there are. */
  readonly connections: {
    /** How many were dialled by peers. */
    readonly inbound: number;
    /** How many were dialled by this node. */
    readonly outbound: number;
    /** How many of both kinds have lost their link, see {@link NodeConnection.isSuspended}. */
    readonly suspended: number;
  };
  /** Attempts to connect. */
  readonly handshakes: {
    /** Handshakes of nodes that dialled this one. */
    readonly inbound: HandshakeMetrics;
    /** Handshakes of this node's dials. */
    readonly outbound: HandshakeMetrics;
  };
  /** Memory that this node keeps for its peers. */
  readonly memory: {
    /** In bytes. */
    readonly heldBytes: number;
    /** `limits.memoryBudgetBytes`: beyond it the node drops the connection that costs most. */
    readonly maxBytes: number;
  };
}

/** The attempts to connect of one direction. */
export interface HandshakeMetrics {
  /** How many led to a connection or resumed a session. */
  readonly completed: number;
  /** How many failed, by the code of their error. A second link between two connected nodes is not a failure. */
  readonly failed: CountsByCode;
}
