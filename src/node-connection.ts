import { shown } from './arguments.ts';
import type { Channel, CloseReason, SendOptions } from './channel/channel.ts';
import type { WaitOptions } from './channel/pending.ts';
import type { Data } from './data.ts';
import type { Inspect } from './inspect.ts';
import type { Node } from './node.ts';
import { PeerStream } from './peer-stream.ts';
import { isPromiseLike } from './promise-like.ts';
import type { Security } from './transport/security.ts';
import type { Link } from './transport/transport.ts';
import { checked, isRequestType, type RequestType } from './typed-messages.ts';

/** What a connection is made of; {@link Node.createNewConnection} passes it on. */
export interface ConnectionDetails {
  /** The id of the other node, proven by its key. */
  readonly id: string;
  /** What the other node calls itself. */
  readonly name: string;
  /** Outbound: as dialled. Inbound: the address that the connection came from. */
  readonly host: string;
  /** Outbound: as dialled. Inbound: the port that the other node says it listens on. */
  readonly port: number;
  /** `'outbound'`: this node made the connection. */
  readonly direction: 'inbound' | 'outbound';
  /** @internal */
  readonly channel: Channel;
  /** @internal */
  readonly counts: MessageCounts;
}

/** @internal */
export interface MessageCounts {
  sent: number;
  received: number;
  rejected: number;
}

/**
 * A connection with another node. Extend it, and override {@link Node.createNewConnection}, to give
 * connections more to know or to do.
 *
 * @example
 * class ChatConnection extends NodeConnection {
 *   nickname = 'unknown';
 * }
 * class ChatNode extends Node {
 *   override createNewConnection(link: Link, details: ConnectionDetails) {
 *     return new ChatConnection(this, link, details);
 *   }
 * }
 */
export class NodeConnection {
  /** The node that the connection belongs to. */
  readonly mainNode: Node;
  /** The id of the other node, proven by its key. */
  readonly id: string;
  /** What the other node calls itself; may be empty, proves nothing. */
  readonly name: string;
  /** Outbound: as dialled. Inbound: the address that the connection came from. */
  readonly host: string;
  /** Outbound: as dialled. Inbound: the port that the other node says it listens on. */
  readonly port: number;
  /** `'outbound'`: this node made the connection. */
  readonly direction: 'inbound' | 'outbound';
  /** What the link promises: who is on the other side, and who can read along. */
  readonly security: Security;
  readonly #channel: Channel;
  readonly #counts: MessageCounts;
  readonly #info = new Map<string, unknown>();
  #closeReason: CloseReason | undefined;

  /** Called by {@link Node.createNewConnection}, with what that was given. */
  constructor(mainNode: Node, link: Link, details: ConnectionDetails) {
    this.mainNode = mainNode;
    this.id = details.id;
    this.name = details.name;
    this.host = details.host;
    this.port = details.port;
    this.direction = details.direction;
    this.security = link.security;
    this.#channel = details.channel;
    this.#counts = details.counts;
  }

  /** Messages can be sent. */
  get isOpen(): boolean {
    return this.#channel.isOpen;
  }

  /**
   * The connection was made with `reconnect`, its link broke, and it waits for another one: what is sent
   * meanwhile is kept, and goes out then.
   */
  get isSuspended(): boolean {
    return this.#channel.isSuspended;
  }

  /** Why the connection ended, or is suspended; `undefined` while it lasts. */
  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }

  /**
   * Sends a message. The data may be changed afterwards: it is encoded, or copied, before this returns.
   *
   * @returns false when more than `limits.queueHighWaterBytes` (1 MiB) wait to go out: the message is on its
   * way all the same, but a sender of many should await {@link NodeConnection.drained}.
   * @throws TypeError when no message can hold the data, or an option is not known.
   * @throws PeerloomError `ERR_CONNECTION_CLOSED`, `ERR_QUEUE_FULL`, `ERR_MESSAGE_TOO_LARGE`,
   * `ERR_COMPRESSION_UNAVAILABLE`.
   */
  send(data: Data, options?: SendOptions): boolean {
    const hasRoom = this.#channel.send(data, options);
    this.#counts.sent += 1;
    return hasRoom;
  }

  /** Resolves when `send` would answer true again, or the connection has closed. */
  drained(): Promise<void> {
    return this.#channel.drained();
  }

  /**
   * Sends a message and resolves once the other side's handlers of it have run.
   *
   * @throws PeerloomError `ERR_HANDLER` when one of them threw, `ERR_TIMEOUT`, `ERR_ABORTED`, and those of `send`.
   */
  async deliver(data: Data, options?: WaitOptions): Promise<void> {
    const delivered = this.#channel.deliver(data, options);
    this.#counts.sent += 1;
    await delivered;
  }

  /**
   * Asks the other node; what its `node_request` handler returns is the answer. A kind of request, made by
   * `defineRequest`, may stand before the data: then the answer is checked by its schema.
   *
   * @typeParam Response the type of the answer that the caller expects; without a kind nothing checks it.
   * @throws PeerloomError `ERR_HANDLER` when the handler threw or had no answer, `ERR_SCHEMA` when the request or its
   * answer does not fit, `ERR_TIMEOUT`, `ERR_ABORTED`, and those of `send`.
   */
  request<Response, ParsedResponse, Request>(
    type: RequestType<Request, unknown, Response, ParsedResponse>,
    data: Request,
    options?: WaitOptions,
  ): Promise<ParsedResponse>;
  request<Response = Data>(data: Data, options?: WaitOptions): Promise<Response>;
  async request(
    typeOrData: RequestType | Data,
    dataOrOptions?: unknown,
    options?: WaitOptions,
  ): Promise<unknown> {
    if (isRequestType(typeOrData)) {
      const { kind, response } = typeOrData;
      const answer = await this.request({ kind, data: dataOrOptions }, options);
      return checked(`the answer to the request '${kind}'`, response, answer);
    }
    const answer = this.#channel.request(typeOrData, dataOrOptions as WaitOptions | undefined);
    this.#counts.sent += 1;
    return await answer;
  }

  /**
   * Opens a stream of bytes beside the messages, for what is larger than a message may be, or not there in
   * one piece. It is handed to the other node's `node_stream` handlers behind the messages sent before, and
   * this resolves then.
   *
   * @param header says what it is about: any data, up to 64 KiB. Default `null`.
   * @throws PeerloomError `ERR_STREAM_LIMIT` when one of the two sides has as many streams as it allows
   * (`limits.maxStreams`, 256), `ERR_HANDLER` when nobody handles streams there, `ERR_TIMEOUT`, `ERR_ABORTED`,
   * and those of `send`; TypeError when no message can hold the header.
   */
  async openStream(header: Data = null, options?: WaitOptions): Promise<PeerStream> {
    return new PeerStream(this, header, await this.#channel.openStream(header, options));
  }

  /**
   * @returns the round trip in milliseconds.
   * @throws PeerloomError `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_CONNECTION_CLOSED`.
   */
  ping(options?: WaitOptions): Promise<number> {
    return this.#channel.ping(options);
  }

  /** Remembers something about this connection. */
  setInfo(key: string, value: unknown): void {
    this.#info.set(key, value);
  }

  /**
   * What {@link NodeConnection.setInfo} was given last for the key; otherwise `undefined`.
   *
   * @typeParam Value the type that the caller expects; nothing checks it.
   */
  getInfo<Value = unknown>(key: string): Value {
    return this.#info.get(key) as Value;
  }

  /** What `console.log(connection)` shows: with whom it is, how, and in which state. */
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
      ...(this.#info.size > 0 && { info: Object.fromEntries(this.#info) }),
    };
    return `${this.constructor.name} ${inspect(shownConnection, options)}`;
  }

  /** Closes the connection; resolves when the disconnect event has fired. The same as {@link Node.disconnectWithNode}. */
  stop(): Promise<void> {
    return this.mainNode.disconnectWithNode(this);
  }

  /**
   * @internal False for what merely looks like a connection: a Proxy, what `Object.create` made, a connection of
   * another copy of the package. Those lack the private fields, and would fail at a moment when nobody expects it.
   */
  static isGenuine(value: unknown): value is NodeConnection {
    return typeof value === 'object' && value !== null && #channel in value;
  }

  /** @internal @throws TypeError unless the value was made for this node and from these details. */
  static checkCreated(
    value: unknown,
    mainNode: Node,
    { channel }: ConnectionDetails,
  ): asserts value is NodeConnection {
    const rule =
      'createNewConnection must return a NodeConnection, made by `new` from the node, the link and the details';
    if (isPromiseLike(value)) {
      value.then(undefined, () => {});
      throw new TypeError(`${rule}, not a promise: it cannot be asynchronous`);
    }
    if (!NodeConnection.isGenuine(value)) {
      const hint =
        'a Proxy, a copy made by Object.create, or a class of another copy of peerloom does not do';
      throw new TypeError(`${rule}, not ${shown(value)}; ${hint}`);
    }
    if (value.mainNode !== mainNode) throw new TypeError(`${rule}; it returned one of another node`);
    if (value.#channel !== channel) {
      throw new TypeError(
        `${rule}; it returned one that was made from other details, such as an earlier one`,
      );
    }
  }

  /** @internal */
  static setCloseReason(connection: NodeConnection, reason: CloseReason | undefined): void {
    connection.#closeReason = reason;
  }
}
