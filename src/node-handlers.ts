import type { ReturnedMessages } from './channel/channel.ts';
import type { Data } from './data.ts';
import type { PeerloomError } from './errors.ts';
import { eventMethods, type LostSession, type NodeEventName } from './events.ts';
import type { NodeConnection } from './node-connection.ts';
import type { PeerStream } from './peer-stream.ts';

/** The methods of a node's events: override those that matter. Each may be asynchronous. */
export abstract class NodeHandlers {
  /** Our connection to a node is up. */
  outboundNodeConnected(_peer: NodeConnection): unknown {
    return undefined;
  }

  /** A node's connection to us is up. */
  inboundNodeConnected(_peer: NodeConnection): unknown {
    return undefined;
  }

  /** A connection that we made has ended; `peer.closeReason` says why. */
  outboundNodeDisconnected(_peer: NodeConnection): unknown {
    return undefined;
  }

  /** A connection that the other node made has ended; `peer.closeReason` says why. */
  inboundNodeDisconnected(_peer: NodeConnection): unknown {
    return undefined;
  }

  /**
   * A message arrived. While this runs the next one of that peer waits, and past 4 MiB so does the peer. `text` is what
   * a message of a Python node was read from.
   */
  nodeMessage(_peer: NodeConnection, _data: Data, _text?: string): unknown {
    return undefined;
  }

  /** We are about to close a connection that we made: a last message still goes out. */
  nodeDisconnectWithOutboundNode(_peer: NodeConnection): unknown {
    return undefined;
  }

  /** This node is about to stop; all connections are still there. */
  nodeRequestToStop(): unknown {
    return undefined;
  }

  /** Answers a request: `Data`, or a promise of it; `undefined` leaves it to the callback and the listeners. */
  nodeRequest(_peer: NodeConnection, _data: Data): unknown {
    return undefined;
  }

  /**
   * The other node opened a stream to us. Others are handled meanwhile, even while this runs. A stream that this throws or
   * rejects for is aborted; one that nobody handles is refused.
   */
  nodeStream(_peer: NodeConnection, _stream: PeerStream, _header: Data): unknown {
    return undefined;
  }

  /** Connecting again failed for the `trials`th time, with this error; return false to give up on that address. */
  nodeReconnectionError(_address: string, _trials: number, _error: unknown): unknown {
    return undefined;
  }

  /**
   * A connection made with `reconnect` broke and could not go on, because the other node was restarted or stayed
   * away too long: `lost` has the messages that it has not acknowledged.
   */
  nodeSessionLost(_peer: NodeConnection, _lost: LostSession): unknown {
    return undefined;
  }

  /** A message arrived that cannot be decoded; it is counted in {@link Node.messageCountRerr}. */
  nodeMessageRejected(_peer: NodeConnection, _error: Error): unknown {
    return undefined;
  }

  /**
   * The other node could not take messages of ours and sent them back: `messages.code` says why. It happens between
   * SecureNodes.
   */
  nodeMessageReturned(_peer: NodeConnection, _messages: ReturnedMessages): unknown {
    return undefined;
  }

  /** A connection that this node made, or another node made to it, did not come up. */
  connectionError(_address: string, _error: PeerloomError, _direction: 'inbound' | 'outbound'): unknown {
    return undefined;
  }

  /** A handler of yours threw or rejected, or another process uses this node's identity. Printed when nobody handles it. */
  nodeError(_error: unknown, _event: NodeEventName, _peer: NodeConnection | undefined): unknown {
    return undefined;
  }
}

/** Whether a node has a method of its own for an event. */
export function overrides(node: NodeHandlers, event: NodeEventName): boolean {
  const method = eventMethods[event];
  return node[method] !== NodeHandlers.prototype[method];
}
