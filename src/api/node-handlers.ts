import type { Data } from '../base/data.ts';
import type { PeerloomError } from '../base/errors.ts';
import type { ReturnedMessages } from '../channel/channel.ts';
import type { StateDict } from '../tensors/formats/state-dict.ts';
import type { BroadcastDetails } from './broadcast-options.ts';
import type { KnownNode } from './discovery.ts';
import {
  type LostSession,
  methodOf,
  type NodeEventMethod,
  type NodeEventName,
  type NodeEvents,
  type SlowNodeHandler,
} from './events.ts';
import type { NodeConnection } from './node-connection.ts';
import type { PeerStream } from './peer-stream.ts';
import type { LeaveReason } from './presence.ts';
import type { StateDetails, StateOffer } from './state-transfer.ts';

/** A method for each event, with its arguments. */
type EventMethods = {
  [Name in NodeEventName as NodeEventMethod<Name>]: (...args: NodeEvents[Name]) => unknown;
};

/** The methods of a node's events. Override those that you need; each may be asynchronous. */
export abstract class NodeHandlers implements EventMethods {
  /** A connection that this node dialled is up. */
  outboundNodeConnected(_peer: NodeConnection): unknown {
    return undefined;
  }

  /** A connection that the peer dialled is up. */
  inboundNodeConnected(_peer: NodeConnection): unknown {
    return undefined;
  }

  /** A connection that this node dialled has ended; `peer.closeReason` says why. */
  outboundNodeDisconnected(_peer: NodeConnection): unknown {
    return undefined;
  }

  /** A connection that the peer dialled has ended; `peer.closeReason` says why. */
  inboundNodeDisconnected(_peer: NodeConnection): unknown {
    return undefined;
  }

  /**
   * A message arrived. While an asynchronous handler runs, the next message of that peer waits; when 4 MiB
   * (`limits.unhandledMaxBytes`) are not handled, further ones wait at the peer. Requests and streams do not wait.
   * `text` is the text that a message of a Python node was read from.
   */
  nodeMessage(_peer: NodeConnection, _data: Data, _text?: string): unknown {
    return undefined;
  }

  /** This node is about to close an outbound connection. You may still send. */
  nodeDisconnectWithOutboundNode(_peer: NodeConnection): unknown {
    return undefined;
  }

  /** This node is about to stop. All connections are still open. */
  nodeRequestToStop(): unknown {
    return undefined;
  }

  /** Returns the response to a request, or a promise of it. `undefined` leaves it to the callback and the listeners. */
  nodeRequest(_peer: NodeConnection, _data: Data): unknown {
    return undefined;
  }

  /**
   * A broadcast arrived. `origin` is the id of the node that signed it, which may be far away; `details.via` is the
   * neighbour that passed it on. While an asynchronous handler runs, further broadcasts wait, up to 1,024 of them and
   * 16 MiB. Beyond that, the node drops them and counts them in `broadcastCountDropped`, but still passes them on to
   * other nodes. If the topic has a history, the handler receives them later instead.
   */
  nodeBroadcast(_origin: string, _data: Data, _details: BroadcastDetails): unknown {
    return undefined;
  }

  /** A discovery found a node that this node did not know, and is not connected with. It may not be reachable. */
  nodeDiscovered(_node: KnownNode): unknown {
    return undefined;
  }

  /** A node of the network, near or far, announced itself for the first time. Only with the option `presence`. */
  nodeJoined(_id: string): unknown {
    return undefined;
  }

  /** A node that had joined said that it stops (`'stopped'`), or no longer announces itself (`'silent'`). */
  nodeLeft(_id: string, _reason: LeaveReason): unknown {
    return undefined;
  }

  /**
   * The peer opened a stream. Other messages and streams are handled while this runs. If this throws or rejects, the
   * stream is aborted. If no handler exists, the stream is refused.
   */
  nodeStream(_peer: NodeConnection, _stream: PeerStream, _header: Data): unknown {
    return undefined;
  }

  /**
   * The peer wants to send a state dict, of which `offer` says how large it is. Return false, or a promise of false, to
   * refuse it. Set `offer.onProgress` to follow it.
   */
  nodeStateOffered(_peer: NodeConnection, _offer: StateOffer): unknown {
    return undefined;
  }

  /**
   * A state dict of the peer has arrived whole and unaltered. Without a handler, states are refused. If a handler
   * throws or rejects, the peer's `sendState` rejects.
   */
  nodeState(_peer: NodeConnection, _state: StateDict, _details: StateDetails): unknown {
    return undefined;
  }

  /** An attempt to reconnect failed. `trials` counts consecutive failures. Return false to give up on the address. */
  nodeReconnectionError(_address: string, _trials: number, _error: unknown): unknown {
    return undefined;
  }

  /**
   * A connection made with `reconnect` could not resume its session, for example because the peer was restarted or
   * stayed away too long. `lost` has the messages that the peer has not acknowledged.
   */
  nodeSessionLost(_peer: NodeConnection, _lost: LostSession): unknown {
    return undefined;
  }

  /** A message was rejected, for example because it cannot be decoded. {@link Node.messageCountRerr} counts it. */
  nodeMessageRejected(_peer: NodeConnection, _error: Error): unknown {
    return undefined;
  }

  /**
   * A SecureNode could not accept messages of this node and returned them; `messages.code` says why. Only SecureNodes
   * do this.
   */
  nodeMessageReturned(_peer: NodeConnection, _messages: ReturnedMessages): unknown {
    return undefined;
  }

  /**
   * A handler of yours has been running for 10 s, and `slow` says what waits for it. It fires once for each such run of
   * a connect or message handler, and when requests have been waiting for as long.
   */
  nodeHandlerSlow(_peer: NodeConnection, _slow: SlowNodeHandler): unknown {
    return undefined;
  }

  /** A connection could not be made, by this node (`'outbound'`) or to it (`'inbound'`). */
  connectionError(_address: string, _error: PeerloomError, _direction: 'inbound' | 'outbound'): unknown {
    return undefined;
  }

  /**
   * A handler of yours threw or rejected, another process uses this node's identity, or a peer sends a kind of message
   * without a handler. Without a handler for this event, the node prints the error.
   */
  nodeError(_error: unknown, _event: NodeEventName, _peer: NodeConnection | undefined): unknown {
    return undefined;
  }
}

/** Whether a node's class overrides the method of an event. */
export function overrides(node: NodeHandlers, event: NodeEventName): boolean {
  const method = methodOf(event);
  return node[method] !== NodeHandlers.prototype[method];
}
