import type { Data } from '../base/data.ts';
import type { PeerloomError } from '../base/errors.ts';
import type { ReturnedMessages } from '../channel/channel.ts';
import type { Node } from '../node/node.ts';
import type { StateDict } from '../tensors/formats/state-dict.ts';
import type { BroadcastDetails } from './broadcast-options.ts';
import type { KnownNode } from './discovery.ts';
import type { NodeConnection } from './node-connection.ts';
import type { PeerStream } from './peer-stream.ts';
import type { LeaveReason } from './presence.ts';
import type { StateDetails, StateOffer } from './state-transfer.ts';

/** The messages of a session that could not resume, or that was ended while it was suspended. */
export interface LostSession {
  /**
   * The number of messages that the peer has not acknowledged, including deliveries and requests without an answer. The
   * peer may have received them or not.
   */
  readonly count: number;
  /** The data of these messages, in the order in which they were sent. */
  readonly data: readonly Data[];
}

/** A handler that has been running for 10 s, and what waits for it. */
export interface SlowNodeHandler {
  /**
   * The event that it handles. `node_request`: all handlers of requests that may run at once (`limits.maxRequests`).
   */
  readonly event: 'outbound_node_connected' | 'inbound_node_connected' | 'node_message' | 'node_request';
  /** How long it has been running, in milliseconds. */
  readonly runsMs: number;
  /** How many messages and deliveries of the peer wait behind it. For `node_request`: how many requests wait. */
  readonly waiting: number;
  /** Their size in bytes, plus 256 for each. */
  readonly waitingBytes: number;
  /**
   * How many calls of `deliver` for the same peer are without an answer. If both sides await `deliver` in a handler,
   * they wait for each other until the timeout.
   */
  readonly deliveries: number;
}

/** The events of a node, with the arguments of their methods and listeners. */
export interface NodeEvents {
  /** A connection that this node dialled is up. */
  outbound_node_connected: [peer: NodeConnection];
  /** A connection that the peer dialled is up. */
  inbound_node_connected: [peer: NodeConnection];
  /**
   * An outbound connection ended. Fires exactly once for each `outbound_node_connected`; `peer.closeReason` says why. A
   * connection made with `reconnect` still accepts messages, and stays the same object when it is connected again.
   */
  outbound_node_disconnected: [peer: NodeConnection];
  /** An inbound connection ended. Fires exactly once for each `inbound_node_connected`; `peer.closeReason` says why. */
  inbound_node_disconnected: [peer: NodeConnection];
  /**
   * A message arrived. If a Python node sent it as text, `text` is the text that the data was read from: check
   * signatures over it, or pass it on with `verbatim`.
   */
  node_message: [peer: NodeConnection, data: Data, text?: string];
  /** This node is about to close an outbound connection. Handlers may still send. */
  node_disconnect_with_outbound_node: [peer: NodeConnection];
  /** This node is about to stop. All connections are still open. */
  node_request_to_stop: [];
  /** A request arrived. The handler returns the response, or a promise of it. */
  node_request: [peer: NodeConnection, data: Data];
  /**
   * A broadcast arrived, for the first time: `origin` is the id of the node that signed it, which may be far away. The
   * callback receives the neighbour that passed it on, and the data.
   */
  node_broadcast: [origin: string, data: Data, details: BroadcastDetails];
  /**
   * A discovery found a node that this node is not connected with and did not know. It may not be reachable.
   */
  node_discovered: [node: KnownNode];
  /**
   * A node of the network announced itself for the first time. It may be far away; this node need not be connected with
   * it. Fires only if both nodes have the option `presence`.
   */
  node_joined: [id: string];
  /**
   * A node that had joined is gone: it said so (`'stopped'`), or no announcement arrived for three of its periods
   * (`'silent'`), perhaps because it is cut off. Fires once for each `node_joined`, but not when this node stops.
   */
  node_left: [id: string, reason: LeaveReason];
  /** The peer opened a stream. Its `openStream` resolves now. */
  node_stream: [peer: NodeConnection, stream: PeerStream, header: Data];
  /** The peer wants to send a state dict. A handler that returns false, or a promise of false, refuses it. */
  node_state_offered: [peer: NodeConnection, offer: StateOffer];
  /**
   * A state dict of the peer has arrived whole and unaltered. The peer's `sendState` resolves when the handlers have
   * run.
   */
  node_state: [peer: NodeConnection, state: StateDict, details: StateDetails];
  /**
   * An attempt to reconnect, or to connect with `retry`, failed. `trials` counts consecutive failures. If a handler
   * returns false, the node gives up on the address.
   */
  node_reconnection_error: [address: string, trials: number, error: unknown];
  /** A connection made with `reconnect` could not resume its session. The messages in `lost` may not have arrived. */
  node_session_lost: [peer: NodeConnection, lost: LostSession];
  /**
   * A message was rejected, for example because it cannot be decoded, or a state dict, because it is not the one that
   * was announced (`ERR_STATE_INVALID`). `messageCountRerr` counts it.
   */
  node_message_rejected: [peer: NodeConnection, error: Error];
  /** A handler has been running for 10 s; it fires once for each such run. */
  node_handler_slow: [peer: NodeConnection, slow: SlowNodeHandler];
  /** A SecureNode returned messages of this node, for example because they came too late. */
  node_message_returned: [peer: NodeConnection, messages: ReturnedMessages];
  /**
   * A connection could not be made. `'outbound'`: `connectWithNode` rejects with the same error. `'inbound'`: the
   * handshake of a node that dialled this one failed, or this node refused it; `address` is that node's address. The
   * node reports at most ten inbound failures a second, followed by a report that counts the others.
   */
  connection_error: [address: string, error: PeerloomError, direction: 'inbound' | 'outbound'];
  /**
   * A handler, `authorize` or `createNewConnection` threw or rejected; another process uses the identity of this node
   * (a PeerloomError `ERR_IDENTITY_IN_USE`); the option `runtime` failed (a TypeError, with `'node_error'` as its
   * event); or a peer sends a kind of message or request without a handler (`ERR_KIND_UNKNOWN`, once for each peer and
   * kind). The node keeps running. Without a handler, the node prints the error.
   */
  node_error: [error: unknown, event: NodeEventName, peer: NodeConnection | undefined];
}

/** The name of an event, for {@link Node.on} and the callback. */
export type NodeEventName = keyof NodeEvents;

/**
 * A function that is called with every event. `data` is the message, the request, or whatever else the event carries.
 * `text` is the text of a `node_message`, see {@link NodeEvents}.
 */
export type NodeCallback = (
  event: NodeEventName,
  node: Node,
  connectedNode: NodeConnection | undefined,
  data: unknown,
  text?: string,
) => void;

/**
 * A listener for {@link Node.on}. It receives the arguments that {@link NodeEvents} lists for the event, and may be
 * asynchronous. Like an overridden method, it may declare its data as a narrower type.
 */
export type NodeListener<Name extends NodeEventName> = {
  /** Declared as a method, so that its parameters may have narrower types. */
  method(...args: NodeEvents[Name]): unknown;
}['method'];

/** What the callback of the options receives of an event, after the name of the event and the node. */
export interface CallbackArguments {
  readonly peer?: NodeConnection | undefined;
  readonly data?: unknown;
  readonly text?: string | undefined;
}

/** Most events are about a peer, and carry data. */
const ofPeer = (peer: NodeConnection, data?: unknown): CallbackArguments => ({ peer, data });

/** All events, with what the callback receives of their arguments. */
export const nodeEvents: {
  readonly [Name in NodeEventName]: (...args: NodeEvents[Name]) => CallbackArguments;
} = {
  outbound_node_connected: ofPeer,
  inbound_node_connected: ofPeer,
  outbound_node_disconnected: ofPeer,
  inbound_node_disconnected: ofPeer,
  node_message: (peer, data, text) => ({ peer, data, text }),
  node_disconnect_with_outbound_node: ofPeer,
  node_request_to_stop: () => ({}),
  node_request: ofPeer,
  node_broadcast: (_origin, data, { via }) => ({ peer: via, data }),
  node_discovered: (node) => ({ data: node }),
  node_joined: (id) => ({ data: id }),
  node_left: (id, reason) => ({ data: { id, reason } }),
  node_stream: ofPeer,
  node_state_offered: ofPeer,
  node_state: ofPeer,
  node_reconnection_error: (address, trials, error) => ({ data: { address, trials, error } }),
  node_session_lost: ofPeer,
  node_message_rejected: ofPeer,
  node_message_returned: ofPeer,
  node_handler_slow: ofPeer,
  connection_error: (address, error, direction) => ({ data: { address, error, direction } }),
  node_error: (error, event, peer) => ({ peer, data: { error, event } }),
};

export const nodeEventNames = Object.keys(nodeEvents) as readonly NodeEventName[];

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** The overridable method of an event: `node_message` has `nodeMessage`. */
export type NodeEventMethod<Name extends NodeEventName = NodeEventName> = CamelCase<Name>;

const methods = new Map(nodeEventNames.map((event) => [event, camelCase(event)]));

/** @returns the name of the event's method. */
export function methodOf<Name extends NodeEventName>(event: Name): NodeEventMethod<Name> {
  return methods.get(event) as NodeEventMethod<Name>;
}

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
