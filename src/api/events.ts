import { messageOf, shown } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import { isPeerloomError, type PeerloomError } from '../base/errors.ts';
import { type AnyListener, Listeners, type Registration } from '../base/listeners.ts';
import { didYouMean } from '../base/nearest-name.ts';
import { printError } from '../base/print-error.ts';
import { isPromiseLike } from '../base/promise-like.ts';
import type { Handled, ReturnedMessages } from '../channel/channel.ts';
import type { Node } from '../node/node.ts';
import type { NodeConnection } from './node-connection.ts';
import type { PeerStream } from './peer-stream.ts';

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
  /** The event that it handles. `node_request`: all handlers of requests that may run at once (`limits.maxRequests`). */
  readonly event: 'outbound_node_connected' | 'inbound_node_connected' | 'node_message' | 'node_request';
  /** For how long it has been running, in milliseconds. */
  readonly runsMs: number;
  /** How many messages and deliveries of the peer wait behind it; of `node_request`, how many requests wait. */
  readonly waiting: number;
  /** The bytes of these, 128 more than the content of each. */
  readonly waitingBytes: number;
  /**
   * How many times it has called `deliver` for the same peer without an answer. If both sides await that in a handler,
   * they wait for each other until the time limit.
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
  /** The peer opened a stream. Its `openStream` resolves now. */
  node_stream: [peer: NodeConnection, stream: PeerStream, header: Data];
  /**
   * An attempt to connect again, or to connect with `retry`, failed. `trials` counts the failures in a row. A handler
   * that returns false gives up on the address.
   */
  node_reconnection_error: [address: string, trials: number, error: unknown];
  /** A connection made with `reconnect` could not resume its session. The messages in `lost` may not have arrived. */
  node_session_lost: [peer: NodeConnection, lost: LostSession];
  /** A message was rejected, for example because it cannot be decoded. `messageCountRerr` counts it. */
  node_message_rejected: [peer: NodeConnection, error: Error];
  /** A handler has been running for 10 s; it fires once for each such run. */
  node_handler_slow: [peer: NodeConnection, slow: SlowNodeHandler];
  /** A SecureNode returned messages of this node, for example because they came too late. */
  node_message_returned: [peer: NodeConnection, messages: ReturnedMessages];
  /**
   * A connection could not be made. `'outbound'`: `connectWithNode` rejects with the same error. `'inbound'`: the
   * handshake of a node that dialled this one failed, or this node refused it; `address` is that node's address. The
   * node reports at most ten inbound failures a second, and then one that counts the others.
   */
  connection_error: [address: string, error: PeerloomError, direction: 'inbound' | 'outbound'];
  /**
   * A handler, `authorize` or `createNewConnection` threw or rejected; another process uses the identity of this node
   * (a PeerloomError `ERR_IDENTITY_IN_USE`); the option `runtime` failed (a TypeError, with `'node_error'` as its
   * event); or a peer sends a kind of message or request that nobody handles (`ERR_KIND_UNKNOWN`, once for each peer
   * and kind). The node keeps running. Without a handler, the node prints the error.
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
  /** As a method, whose parameters may be narrower than declared. */
  method(...args: NodeEvents[Name]): unknown;
}['method'];

/** The overridable method of each event: its name in camel case. */
export const eventMethods = {
  outbound_node_connected: 'outboundNodeConnected',
  inbound_node_connected: 'inboundNodeConnected',
  outbound_node_disconnected: 'outboundNodeDisconnected',
  inbound_node_disconnected: 'inboundNodeDisconnected',
  node_message: 'nodeMessage',
  node_disconnect_with_outbound_node: 'nodeDisconnectWithOutboundNode',
  node_request_to_stop: 'nodeRequestToStop',
  node_request: 'nodeRequest',
  node_stream: 'nodeStream',
  node_reconnection_error: 'nodeReconnectionError',
  node_session_lost: 'nodeSessionLost',
  node_message_rejected: 'nodeMessageRejected',
  node_message_returned: 'nodeMessageReturned',
  node_handler_slow: 'nodeHandlerSlow',
  connection_error: 'connectionError',
  node_error: 'nodeError',
} as const satisfies Record<NodeEventName, string>;

type AnyHandler = (...args: unknown[]) => unknown;

/** What an event carries, in the forms that the three styles of handlers take it. */
export interface EventDetails {
  readonly peer?: NodeConnection | undefined;
  /** The fourth argument of the callback. */
  readonly data?: unknown;
  /** The last one, of messages that have it. */
  readonly text?: string | undefined;
}

/**
 * One dispatch for the three ways to program: the overridden method, then the callback of the options, then
 * the listeners. A handler that throws or rejects becomes a `node_error` and keeps none of the others from
 * running.
 */
export class Dispatcher {
  readonly #node: Node;
  readonly #callback: NodeCallback | undefined;
  readonly #isOverridden: (event: NodeEventName) => boolean;
  /** Of the events that have some. */
  readonly #listeners = new Map<NodeEventName, Listeners>();

  constructor(
    node: Node,
    callback: NodeCallback | undefined,
    isOverridden: (event: NodeEventName) => boolean,
  ) {
    this.#node = node;
    this.#callback = callback;
    this.#isOverridden = isOverridden;
  }

  /** @param isOnce for the next such event only. */
  on(event: NodeEventName, listener: AnyListener, isOnce = false): void {
    if (!Object.hasOwn(eventMethods, event)) {
      const known = Object.keys(eventMethods);
      const hint = (typeof event === 'string' && didYouMean(event, known)) || '.';
      throw new TypeError(`${shown(event)} is not an event${hint} The events are ${known.join(', ')}`);
    }
    if (typeof listener !== 'function')
      throw new TypeError(`listener must be a function, not ${shown(listener)}`);
    let listeners = this.#listeners.get(event);
    if (listeners === undefined) {
      listeners = new Listeners();
      this.#listeners.set(event, listeners);
    }
    listeners.add(listener, isOnce);
  }

  off(event: NodeEventName, listener: AnyListener): void {
    const listeners = this.#listeners.get(event);
    listeners?.remove(listener);
    if (listeners?.size === 0) this.#listeners.delete(event);
  }

  /** Somebody listens to the event; a callback counts, whatever it does. */
  handles(event: NodeEventName): boolean {
    return this.#callback !== undefined || this.#listeners.has(event) || this.#isOverridden(event);
  }

  /** Tells who looks on what handlers, which need not be those of the event's own name, are about to be given. */
  observe(event: NodeEventName, peer: NodeConnection | undefined, data: unknown): void {
    this.#node.simulationObserver?.happened(event, peer, data);
  }

  /** Runs all handlers of an event. */
  emit(event: NodeEventName, details: EventDetails, ...args: unknown[]): Handled {
    this.observe(event, details.peer, details.data);
    const handled = this.run(event, details.peer, this.#methodOf(event).bind(this.#node), args);
    return both(handled, this.#emitToOthers(event, details, args));
  }

  /** The same for a message, without the detours: it runs a million times a second. */
  emitMessage(peer: NodeConnection, data: Data, text?: string): Handled {
    let handled: Handled = true;
    const node = this.#node;
    node.simulationObserver?.happened('node_message', peer, data);
    try {
      const result: unknown =
        text === undefined ? node.nodeMessage(peer, data) : node.nodeMessage(peer, data, text);
      if (isPromiseLike(result)) handled = this.#settled('node_message', peer, result);
    } catch (error) {
      this.failed(error, 'node_message', peer);
      handled = false;
    }
    if (this.#callback === undefined && this.#listeners.size === 0) return handled;
    const args = text === undefined ? [peer, data] : [peer, data, text];
    return both(handled, this.#emitToOthers('node_message', { peer, data, text }, args));
  }

  #emitToOthers(event: NodeEventName, { peer, data, text }: EventDetails, args: unknown[]): Handled {
    let handled: Handled = true;
    if (this.#callback !== undefined) {
      const given = [event, this.#node, peer, data];
      if (text !== undefined) given.push(text);
      handled = this.run(event, peer, this.#callback as AnyHandler, given);
    }
    const listeners = this.#listeners.get(event);
    if (listeners === undefined) return handled;
    for (const registration of listeners.list) {
      if (!this.#begins(event, registration)) continue;
      handled = both(handled, this.run(event, peer, registration.listener as AnyHandler, args));
    }
    return handled;
  }

  /** A listener of `once` is removed before it is called. */
  #begins(event: NodeEventName, registration: Registration): boolean {
    if (!registration.isOnce) return true;
    const listeners = this.#listeners.get(event);
    const begins = listeners?.take(registration) === true;
    if (listeners?.size === 0) this.#listeners.delete(event);
    return begins;
  }

  /**
   * Asks the handlers in their order until one gives an answer; the first to throw ends it.
   *
   * @returns the answer, at once where the overridden method gives one at once.
   */
  ask(event: NodeEventName, details: EventDetails, ...args: unknown[]): unknown {
    this.observe(event, details.peer, details.data);
    try {
      const answer = this.#methodOf(event).apply(this.#node, args);
      return answer !== undefined && !isPromiseLike(answer)
        ? answer
        : this.#askOthers(answer, event, details, args);
    } catch (error) {
      this.failed(error, event, details.peer);
      throw error;
    }
  }

  async #askOthers(
    first: unknown,
    event: NodeEventName,
    details: EventDetails,
    args: unknown[],
  ): Promise<unknown> {
    const { peer, data } = details;
    try {
      let answer = await first;
      if (answer === undefined) answer = await this.#callback?.(event, this.#node, peer, data);
      for (const registration of this.#listeners.get(event)?.list ?? []) {
        if (answer !== undefined) break;
        if (this.#begins(event, registration)) answer = await (registration.listener as AnyHandler)(...args);
      }
      return answer;
    } catch (error) {
      this.failed(error, event, peer);
      throw error;
    }
  }

  /**
   * Runs all handlers of an event, each of which may object.
   *
   * @returns false if one of them returns false.
   */
  async consult(event: NodeEventName, { peer, data }: EventDetails, ...args: unknown[]): Promise<boolean> {
    this.observe(event, peer, data);
    const handlers = [
      () => this.#methodOf(event).apply(this.#node, args),
      () => this.#callback?.(event, this.#node, peer, data),
      ...(this.#listeners.get(event)?.list ?? [])
        .filter((registration) => this.#begins(event, registration))
        .map(
          ({ listener }) =>
            () =>
              (listener as AnyHandler)(...args),
        ),
    ];
    const answers = handlers.map(async (handler) => {
      try {
        return await handler();
      } catch (error) {
        this.failed(error, event, peer);
        return undefined;
      }
    });
    return !(await Promise.all(answers)).includes(false);
  }

  #methodOf(event: NodeEventName): AnyHandler {
    return this.#node[eventMethods[event]] as AnyHandler;
  }

  /** Runs one handler; what it throws, or rejects with, becomes a `node_error`. */
  run(
    event: NodeEventName,
    peer: NodeConnection | undefined,
    handler: AnyHandler,
    args: unknown[] = [],
  ): Handled {
    try {
      const result = handler(...args);
      return isPromiseLike(result) ? this.#settled(event, peer, result) : true;
    } catch (error) {
      this.failed(error, event, peer);
      return false;
    }
  }

  async #settled(
    event: NodeEventName,
    peer: NodeConnection | undefined,
    result: PromiseLike<unknown>,
  ): Promise<boolean> {
    try {
      await result;
      return true;
    } catch (error) {
      this.failed(error, event, peer);
      return false;
    }
  }

  /** Tells of a handler that threw, rejected, or gave an answer of no use. */
  failed(error: unknown, event: NodeEventName, peer: NodeConnection | undefined): void {
    if (event === 'node_stream' && isEndOfStream(error)) return;
    if (event === 'node_error' || !this.handles('node_error')) {
      const observer = this.#node.simulationObserver;
      if (observer !== undefined) observer.failed(event, error);
      else print(`A handler of ${event} failed; the node keeps running:`, error);
      return;
    }
    this.#emitError(error, event, peer);
  }

  /** Reports a mistake in how nodes are set up, which no caller gets as an error. */
  warn(error: Error, event: NodeEventName, peer?: NodeConnection): void {
    if (this.handles('node_error')) this.#emitError(error, event, peer);
    else printError(error.message);
  }

  #emitError(error: unknown, event: NodeEventName, peer: NodeConnection | undefined): void {
    this.emit('node_error', { peer, data: { error, event } }, error, event, peer);
  }
}

function print(text: string, thrown: unknown): void {
  try {
    console.error(text, thrown);
  } catch {
    // It is an object that throws when it is printed.
    printError(text, messageOf(thrown));
  }
}

/** The other side gave the stream up, or the connection broke: that is no fault of the handler that reads it. */
function isEndOfStream(error: unknown): boolean {
  return (
    isPeerloomError(error) && (error.code === 'ERR_STREAM_ABORTED' || error.code === 'ERR_CONNECTION_CLOSED')
  );
}

/** Whether both went well. */
function both(one: Handled, other: Handled): Handled {
  if (one === true) return other;
  if (other === true) return one;
  return Promise.all([one, other]).then((results) => results.every(Boolean));
}
