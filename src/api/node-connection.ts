import { shown } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import type { Inspect } from '../base/inspect.ts';
import { isPromiseLike } from '../base/promise-like.ts';
import { ThrownByUser } from '../base/thrown-by-user.ts';
import type { Channel, CloseReason, ConnectionMetrics, SendOptions } from '../channel/channel.ts';
import type { WaitOptions } from '../channel/pending.ts';
import type { Node } from '../node/node.ts';
import type { RelayUse } from '../transport/link-path.ts';
import type { Security } from '../transport/security.ts';

import { PeerStream } from './peer-stream.ts';
import { checked, isRequestType, type RequestType } from './typed-messages.ts';

/** The details of a new connection. {@link Node.createNewConnection} passes them to the constructor. */
export interface ConnectionDetails {
  /** The peer's id. It is proven, unless `security.authenticated` is false. */
  readonly id: string;
  /** The name that the peer gives itself. */
  readonly name: string;
  /** Outbound: the host that was dialled. Inbound: the address that the connection came from. */
  readonly host: string;
  /** Outbound: the port that was dialled. Inbound: the port that the peer says it listens on. */
  readonly port: number;
  /** `'outbound'`: this node dialled. `'inbound'`: the peer dialled. */
  readonly direction: 'inbound' | 'outbound';
  /** Whether the link is encrypted, and whether the peer's id is proven. */
  readonly security: Security;
  /** @internal */
  readonly channel: Channel;
}

/**
 * A connection with another node, its peer. To add fields or methods, extend this class and override
 * {@link Node.createNewConnection}.
 *
 * @example
 * class ChatConnection extends NodeConnection {
 *   nickname = 'unknown';
 * }
 * class ChatNode extends Node {
 *   override createNewConnection(details: ConnectionDetails) {
 *     return new ChatConnection(this, details);
 *   }
 * }
 */
export class NodeConnection {
  /** The node that the connection belongs to. */
  readonly mainNode: Node;
  /** The peer's id. It is proven, unless `security.authenticated` is false. */
  readonly id: string;
  /** The name that the peer gives itself. It may be empty, and proves nothing. */
  readonly name: string;
  /** Outbound: the host that was dialled. Inbound: the address that the connection came from. */
  readonly host: string;
  /** Outbound: the port that was dialled. Inbound: the port that the peer says it listens on. */
  readonly port: number;
  /** `'outbound'`: this node dialled. `'inbound'`: the peer dialled. */
  readonly direction: 'inbound' | 'outbound';
  /** Whether the link is encrypted, and whether the peer's id is proven. */
  readonly security: Security;
  readonly #channel: Channel;
  /** In a simulation. */
  #number: number | undefined;
  #info: Map<string, unknown> | undefined;
  #closeReason: CloseReason | undefined;
  #isDisconnected = false;

  /** Called by {@link Node.createNewConnection}, with that method's argument. */
  constructor(mainNode: Node, details: ConnectionDetails) {
    this.mainNode = mainNode;
    this.id = details.id;
    this.name = details.name;
    this.host = details.host;
    this.port = details.port;
    this.direction = details.direction;
    this.security = details.security;
    this.#channel = details.channel;
  }

  /**
   * The addresses that the peer says it listens on, such as `['tls://192.0.2.7:10001']`, with the host that this node
   * sees in place of one like `0.0.0.0`. At most 8. Nothing proves them. Empty for a peer that only dials.
   */
  get addresses(): readonly string[] {
    return this.#channel.remote.addresses;
  }

  /**
   * The present path of the connection: `'direct'`, `'relayed'` (through a relay), or `'webrtc'`, which is direct too.
   * For the round trip see {@link NodeConnection.ping} and `metrics().roundTripMs`.
   */
  get path(): 'direct' | 'relayed' | 'webrtc' {
    return this.#channel.path?.kind ?? 'direct';
  }

  /** The relay that carries the connection, with the limits that it has set. `undefined` without a relay. */
  get relay(): RelayUse | undefined {
    return this.#channel.path?.relay;
  }

  /** Whether messages can be sent. A suspended connection is open. */
  get isOpen(): boolean {
    return this.#channel.isOpen;
  }

  /**
   * Whether the connection, made with `reconnect`, has lost its link and waits for another one. What you send meanwhile
   * is kept, and sent when the session resumes.
   */
  get isSuspended(): boolean {
    return this.#channel.isSuspended;
  }

  /** Why the connection ended or is suspended; otherwise `undefined`. docs/errors.md explains the codes. */
  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }

  /**
   * Sends a message. You may change the data afterwards: it is encoded or copied before this returns.
   *
   * @returns false if more than `limits.queueHighWaterBytes` (1 MiB) wait to be sent. The message was accepted, but
   * await {@link NodeConnection.drained} before you send more.
   * @throws TypeError if a message cannot hold the data, or an option is unknown.
   * @throws PeerloomError `ERR_CONNECTION_CLOSED`, `ERR_QUEUE_FULL`, `ERR_MESSAGE_TOO_LARGE`,
   * `ERR_COMPRESSION_UNAVAILABLE`.
   */
  send(data: Data, options?: SendOptions): boolean {
    const hasRoom = this.#channel.send(data, options);
    this.#onSent(data, 'message');
    return hasRoom;
  }

  /** Resolves when `send` would return true again, or the connection has closed. */
  drained(): Promise<void> {
    return this.#channel.drained();
  }

  /**
   * Sends a message, and resolves when the peer's handlers of it have run.
   *
   * @throws PeerloomError `ERR_HANDLER` if one of them threw, `ERR_TIMEOUT` after `timeoutMs` (30,000 by default),
   * `ERR_ABORTED`, and the errors of `send`.
   */
  async deliver(data: Data, options?: WaitOptions): Promise<void> {
    const delivered = this.#channel.deliver(data, options);
    this.#onSent(data, 'message');
    await delivered;
  }

  #onSent(data: unknown, kind: 'message' | 'request'): void {
    const { nodeMeter, simulationObserver } = this.mainNode;
    nodeMeter.sent += 1;
    simulationObserver?.sent(this, data, kind);
  }

  /**
   * Sends a request, and resolves with what the peer's `node_request` handler returns. Pass a kind made by
   * `defineRequest` before the data to have the response checked by its schema.
   *
   * @typeParam Response the type of the expected response. Without a kind, nothing checks it.
   * @throws PeerloomError `ERR_HANDLER` if the handler threw or returned nothing, `ERR_SCHEMA` if the request or the
   * response does not fit, `ERR_TIMEOUT` after `timeoutMs` (30,000 by default), `ERR_ABORTED`, and the errors of
   * `send`.
   */
  request<Response, ParsedResponse, Request>(
    type: RequestType<Request, unknown, Response, ParsedResponse>,
    data: Request,
    options?: WaitOptions,
  ): Promise<ParsedResponse>;
  request<Response = Data>(data: Data, options?: WaitOptions): Promise<Response>;
  request(typeOrData: RequestType | Data, dataOrOptions?: unknown, options?: WaitOptions): Promise<unknown> {
    if (isRequestType(typeOrData)) return this.#requestTyped(typeOrData, dataOrOptions, options);
    // Not an async function: its promises would take a tenth of the time when many requests are under way.
    try {
      const answer = this.#channel.request(typeOrData, dataOrOptions as WaitOptions | undefined);
      this.#onSent(typeOrData, 'request');
      return answer;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #requestTyped(
    { kind, response }: RequestType,
    data: unknown,
    options: WaitOptions | undefined,
  ): Promise<unknown> {
    const answer = await this.request({ kind, data } as Data, options);
    return checked(`the answer to the request '${kind}'`, response, answer);
  }

  /**
   * Opens a stream of bytes beside the messages, for data that is larger than a message may be, or that you do not have
   * in one piece. Resolves when the peer's `node_stream` handlers have been called, which does not wait for the
   * messages sent before.
   *
   * @param header tells the peer what the stream is about: any data, up to 64 KiB. Default `null`.
   * @throws PeerloomError `ERR_STREAM_LIMIT` if one of the two sides has as many streams as it allows
   * (`limits.maxStreams`, 256), `ERR_HANDLER` if the peer has no handler, `ERR_TIMEOUT` after `timeoutMs` (30,000 by
   * default), `ERR_ABORTED`, and the errors of `send`.
   * @throws TypeError if a message cannot hold the header.
   */
  async openStream(header: Data = null, options?: WaitOptions): Promise<PeerStream> {
    return new PeerStream(this, header, await this.#channel.openStream(header, options));
  }

  /**
   * Measures the round trip to the peer.
   *
   * @returns the round trip in milliseconds.
   * @throws PeerloomError `ERR_TIMEOUT` after `timeoutMs` (30,000 by default), `ERR_ABORTED`, `ERR_CONNECTION_CLOSED`.
   */
  ping(options?: WaitOptions): Promise<number> {
    return this.#channel.ping(options);
  }

  /** Bytes sent and received, queue lengths and the last round trip of this connection, at this moment. */
  metrics(): ConnectionMetrics {
    return this.#channel.metrics();
  }

  /** Stores a value of yours with this connection, under a key. */
  setInfo(key: string, value: unknown): void {
    this.#info ??= new Map();
    this.#info.set(key, value);
  }

  /**
   * Returns the value that {@link NodeConnection.setInfo} stored last under the key, or `undefined`.
   *
   * @typeParam Value the type of the expected value. Nothing checks it.
   */
  getInfo<Value = unknown>(key: string): Value {
    return this.#info?.get(key) as Value;
  }

  /** What `console.log(connection)` shows: the peer, its address, the protocol and the state. */
  [Symbol.for('nodejs.util.inspect.custom')](_depth: number, options: object, inspect: Inspect): string {
    const { id, name, host, port, direction } = this;
    const state = !this.isOpen ? 'closed' : this.isSuspended ? 'suspended' : 'open';
    const shownConnection = {
      id,
      name,
      address: `${host}:${port}`,
      direction,
      protocol: this.security.protocol,
      state,
      ...(this.#closeReason !== undefined && { closeReason: this.#closeReason.message }),
      ...(this.#info !== undefined && { info: Object.fromEntries(this.#info) }),
    };
    return `${this.constructor.name} ${inspect(shownConnection, options)}`;
  }

  /** Closes the connection, as {@link Node.disconnectWithNode} does. Resolves when the disconnect event has fired. */
  stop(): Promise<void> {
    return this.mainNode.disconnectWithNode(this);
  }

  /** @internal The number of the peer in a simulation, if {@link NodeConnection.setNumber} was called. */
  static numberOf(connection: NodeConnection): number | undefined {
    return connection.#number;
  }

  /** @internal */
  static setNumber(connection: NodeConnection, number: number): void {
    connection.#number = number;
  }

  /**
   * @internal False for objects that only look like a connection: a Proxy, a result of `Object.create`, a connection of
   * another copy of the package. They lack the private fields, and would fail later, at an unexpected moment.
   */
  static isGenuine(value: unknown): value is NodeConnection {
    return typeof value === 'object' && value !== null && #channel in value;
  }

  /**
   * @internal Has the node create the object that its user holds.
   *
   * @throws ThrownByUser if the user's method throws, or returns something else.
   */
  static create(mainNode: Node, details: ConnectionDetails): NodeConnection {
    try {
      const connection: unknown = mainNode.createNewConnection(details);
      NodeConnection.#checkCreated(connection, mainNode, details);
      mainNode.onConnectionMade?.(connection);
      return connection;
    } catch (error) {
      throw new ThrownByUser(error);
    }
  }

  /** @throws TypeError unless the value was made for this node and from these details. */
  static #checkCreated(
    value: unknown,
    mainNode: Node,
    { channel }: ConnectionDetails,
  ): asserts value is NodeConnection {
    const rule =
      'createNewConnection must return a NodeConnection, made by `new` from the node and the details';
    if (isPromiseLike(value)) {
      value.then(undefined, () => {});
      throw new TypeError(`${rule}, not a promise: it cannot be asynchronous`);
    }
    if (!NodeConnection.isGenuine(value)) {
      const hint =
        'a Proxy, a copy made by Object.create, or a class of another copy of peerloom is not accepted';
      throw new TypeError(`${rule}, not ${shown(value)}; ${hint}`);
    }
    if (value.mainNode !== mainNode) throw new TypeError(`${rule}; it returned a connection of another node`);
    if (value.#channel !== channel) {
      throw new TypeError(
        `${rule}; it returned a connection made from other details, perhaps an earlier connection`,
      );
    }
  }

  /** @internal */
  static setCloseReason(connection: NodeConnection, reason: CloseReason | undefined): void {
    connection.#closeReason = reason;
  }

  /** @internal Whether the user has disconnected it, perhaps already in its connect event. */
  static isDisconnected(connection: NodeConnection): boolean {
    return connection.#isDisconnected;
  }

  /** @internal */
  static setDisconnected(connection: NodeConnection): void {
    connection.#isDisconnected = true;
  }
}
