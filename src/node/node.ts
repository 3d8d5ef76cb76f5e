/// <reference lib="esnext.disposable" preserve="true" />

import { Dispatcher, type NodeEventName, type NodeListener } from '../api/events.ts';
import { type ConnectionDetails, NodeConnection } from '../api/node-connection.ts';
import type { NodeObserver } from '../api/node-observer.ts';
import {
  type ConnectOptions,
  checkConnectOptions,
  type NodeOptions,
  type ResolvedOptions,
  resolveOptions,
} from '../api/options.ts';
import { type TypedHandler, TypedHandlers } from '../api/typed-handlers.ts';
import type { MessageType, RequestType } from '../api/typed-messages.ts';
import { type Address, addressOf, formatAddress, parseAddress } from '../base/address.ts';
import { checkType, messageOf, shown } from '../base/arguments.ts';
import { attempt } from '../base/attempt.ts';
import { checkedRuntime } from '../base/checked-runtime.ts';
import type { Data } from '../base/data.ts';
import { createLog, type Log } from '../base/debug.ts';
import { isPeerloomError, PeerloomError } from '../base/errors.ts';
import type { Inspect } from '../base/inspect.ts';
import { MemoryBudget } from '../base/memory-budget.ts';
import { printError } from '../base/print-error.ts';
import type { Runtime } from '../base/runtime.ts';
import { ThrownByUser } from '../base/thrown-by-user.ts';
import { WaitedHandlers } from '../base/waited-handlers.ts';
import type { Channel, SendOptions } from '../channel/channel.ts';
import type { WaitOptions } from '../channel/pending.ts';
import { networkSecretOf } from '../identity/network-secret.ts';
import { Connections } from '../peers/connections.ts';
import { InboundFailures } from '../peers/inbound-failures.ts';
import { Peering } from '../peers/peering.ts';
import { Reconnector } from '../peers/reconnector.ts';
import { Protocols } from '../protocols/protocols.ts';
import { listenAt } from '../transport/own-transport.ts';
import type { Link, Transport, TransportContext } from '../transport/transport.ts';
import { goodbye } from '../wire/frames/goodbye.ts';
import { dialUntilUp } from './dial-until-up.ts';
import { misspeltMethods } from './misspelt-methods.ts';
import { NodeHandlers, overrides } from './node-handlers.ts';
import {
  type Answer,
  type RequestArguments,
  type RequestFromNodesOptions,
  requestFromMany,
} from './request-from-nodes.ts';
import { type SendReport, type SendToNodesOptions, sendToMany } from './send-to-many.ts';
import { type WantedNodes, waitForNodes } from './wait-for-nodes.ts';

/** In milliseconds. Longer than any connection gets to send what waits, a Python node's included. */
const transportCloseMs = 20_000;

/**
 * A node of a peer-to-peer network. It listens, connects to other nodes, and reports what happens through events. Extend
 * it and override the methods of the events that you need, or pass a callback, or add listeners with {@link Node.on}.
 *
 * @example
 * class MyNode extends Node {
 *   override nodeMessage(peer: NodeConnection, data: Data) {
 *     console.log(`${peer.id}: ${data}`);
 *   }
 * }
 * const node = new MyNode('127.0.0.1', 10001);
 * await node.start();
 * await node.connectWithNode('127.0.0.1', 10002);
 * node.sendToNodes('hello');
 */
export class Node extends NodeHandlers {
  /** The address that the node listens on. */
  readonly host: string;
  /** Whether the node prints every step. */
  debug: boolean;
  /** @internal For what a subclass of ours keeps for peers. */
  readonly memoryBudget: MemoryBudget;
  /** @internal What a subclass of ours takes time and randomness from. */
  readonly checkedRuntime: Runtime;
  /** @internal Where a simulation looks on. */
  simulationObserver: NodeObserver | undefined;

  readonly #options: ResolvedOptions;
  readonly #dispatcher: Dispatcher;
  readonly #typedHandlers: TypedHandlers;
  readonly #peering: Peering;
  readonly #reconnector: Reconnector;
  readonly #connections: Connections;
  readonly #inboundFailures: InboundFailures;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  readonly #waitedHandlers = new WaitedHandlers();
  #port: number;
  readonly #addresses: string[] = [];
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  /**
   * @param host the address to listen on: `'127.0.0.1'` for this machine only, `'0.0.0.0'` or `'::'` for all its
   * addresses.
   * @param port 1 to 65535. 0: the system picks a free port, see {@link Node.port}.
   * @throws TypeError or RangeError for wrong arguments; PeerloomError `ERR_IDENTITY_…` for the identity's file.
   */
  constructor(host: string, port: number, options?: NodeOptions) {
    super();
    const address = addressOf(host, port, 'listen');
    const resolved = resolveOptions(options);
    this.#dispatcher = new Dispatcher(this, resolved.callback, (event) => overrides(this, event));
    this.checkedRuntime = checkedRuntime(resolved.runtime, (error) => this.#reportLater(error));
    this.#options = Object.freeze({ ...resolved, runtime: this.checkedRuntime });
    this.host = address.host;
    this.#port = address.port;
    this.debug = this.#options.debug;
    this.#log = this.#logOf('node');
    this.memoryBudget = new MemoryBudget(this.#options.limits.memoryBudgetBytes);
    this.#typedHandlers = new TypedHandlers(this.#dispatcher);
    const protocols = new Protocols(this.#options.protocols, {
      id: this.#options.identity.id,
      runtime: this.#options.runtime,
      log: this.#logOf('protocol'),
      onFailure: (error, peer) => this.#dispatcher.warn(error, 'node_error', peer),
    });
    this.#peering = new Peering({
      options: this.#options,
      budget: this.memoryBudget,
      log: this.#logOf('connection'),
      traffic: this.#logOf('message'),
      addresses: () => this.addresses,
      protocols: protocols.spoken,
      onUserError: (error, direction) =>
        this.#dispatcher.failed(error, `${direction}_node_connected`, undefined),
      onInboundFailure: (from, error) => this.#inboundFailures.add(from, error),
      adopt: (channel) => this.#connections.adopt(channel),
      onConflict: (connection) => this.#connections.endConflict(connection),
    });
    this.#reconnector = new Reconnector({
      policy: this.#options.reconnect,
      runtime: this.#options.runtime,
      onFailure: (address, trials, error) => this.#mayTryAgain(address, trials, error),
      onGivenUp: (id) => this.#connections.giveUp(id, 'the node gave up reconnecting'),
    });
    this.#connections = new Connections({
      peers: this.#peering.peers,
      dispatcher: this.#dispatcher,
      typedHandlers: this.#typedHandlers,
      protocols,
      reconnector: this.#reconnector,
      waitedHandlers: this.#waitedHandlers,
      log: this.#log,
      stopping: this.#stopping.signal,
      runtime: this.#options.runtime,
      limits: this.#options.limits,
      create: (link, details) => this.#create(link, details),
      wrap: (channel) => this.wrapChannel(channel),
    });
    const { identity, network, networkKey, limits, runtime, transports } = this.#options;
    const networkSecret = networkKey === undefined ? undefined : networkSecretOf(networkKey);
    this.#inboundFailures = new InboundFailures(runtime, (address, error) =>
      this.#reportFailure(address, error, 'inbound'),
    );
    const onInboundFailure: TransportContext['onInboundFailure'] = (from, error) =>
      this.#inboundFailures.add(from, error);
    for (const transport of transports) {
      const log = this.#logOf('transport');
      transport.attach({ identity, network, networkSecret, limits, runtime, log, onInboundFailure });
    }
    protocols.attach();
  }

  /** The node's id: the libp2p PeerId of its public key, `'12D3KooW…'`. */
  get id(): string {
    return this.#options.identity.id;
  }

  /** The port that the node listens on. With port 0 it is 0 until {@link Node.start} has resolved. */
  get port(): number {
    return this.#port;
  }

  /**
   * The addresses that the node listens on, such as `'tls://0.0.0.0:10001'`, one or more for each transport that listens.
   * Empty before {@link Node.start} has resolved. Peers learn them when they connect.
   */
  get addresses(): readonly string[] {
    return [...this.#addresses];
  }

  /** The node's name, which every peer sees. It may be empty. */
  get name(): string {
    return this.#options.name;
  }

  /** The connections that other nodes dialled. */
  get nodesInbound(): ReadonlySet<NodeConnection> {
    return this.#connections.inbound;
  }

  /** The connections that this node dialled. */
  get nodesOutbound(): ReadonlySet<NodeConnection> {
    return this.#connections.outbound;
  }

  /** All connections at this moment, in a new list. */
  get allNodes(): readonly NodeConnection[] {
    return [...this.#connections.inbound, ...this.#connections.outbound];
  }

  /** Messages, deliveries and requests sent. A message to several peers counts for each of them. */
  get messageCountSend(): number {
    return this.#connections.counts.sent;
  }

  /** Messages, deliveries and requests received and handed to handlers. */
  get messageCountRecv(): number {
    return this.#connections.counts.received;
  }

  /** Messages that arrived and were rejected, for example because they could not be decoded. */
  get messageCountRerr(): number {
    return this.#connections.counts.rejected;
  }

  /**
   * Begins to listen, on all transports or on none. If this fails, the node is as it was before, and you may call it
   * again.
   *
   * @throws PeerloomError `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE`, `ERR_HOST_NOT_FOUND`;
   * `ERR_NOT_STARTED` for a node that was stopped: a stopped node cannot start again.
   */
  start(): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(notStarted('was stopped: make a new one'));
    this.#warnOfMisspeltMethods();
    this.#started ??= this.#start();
    return this.#started;
  }

  /** At the start, when listeners and handlers of typed messages are there. */
  #warnOfMisspeltMethods(): void {
    const handling = {
      base: Node.prototype,
      handles: (event: NodeEventName) => this.#dispatcher.handles(event),
      hasTyped: this.#typedHandlers.isInUse,
    };
    for (const { name, meant } of misspeltMethods(this, handling)) {
      printError(
        `${this.constructor.name} has a method ${name}, which the node never calls: did you mean ${meant}?`,
      );
    }
  }

  async #start(): Promise<void> {
    const askedPort = this.#port;
    try {
      await this.#listen();
    } catch (error) {
      // Nodes may have connected with a transport that listened already.
      await this.#leaveAll();
      await this.#closeTransports();
      await this.#connections.ended();
      this.#port = askedPort;
      this.#addresses.length = 0;
      this.#started = undefined;
      throw error;
    }
    this.#log(`listening on ${this.host} port ${this.#port} as ${this.id}`);
  }

  async #listen(): Promise<void> {
    const onLink = (link: Link): void => this.#peering.accept(link);
    for (const transport of this.#options.transports) {
      const address = { scheme: undefined, host: this.host, port: this.#port };
      const bound = await listenAt(transport, address, onLink);
      // The port that the first of them picked is the one of the others too, and the node's.
      if (this.#port === 0) this.#port = bound.find(({ port }) => port > 0)?.port ?? 0;
      this.#addresses.push(...bound.map(formatAddress));
    }
  }

  /** All of them, also if one throws, or never resolves. */
  #closeTransports(): Promise<PromiseSettledResult<void>[]> {
    return Promise.allSettled(this.#options.transports.map((transport) => this.#closeInTime(transport)));
  }

  async #closeInTime(transport: Transport): Promise<void> {
    const tooLong = Promise.withResolvers<never>();
    const timer = this.#options.runtime.setTimeout(() => {
      const schemes = transport.schemes.join(', ');
      const message = `the transport for ${schemes} has not closed within ${transportCloseMs} ms: its close() must resolve`;
      tooLong.reject(new PeerloomError('ERR_TIMEOUT', message));
    }, transportCloseMs);
    try {
      await Promise.race([transport.close(), tooLong.promise]);
    } finally {
      timer.cancel();
    }
  }

  async #leaveAll(): Promise<void> {
    const connections = [...this.#connections.channels.keys()];
    await Promise.all(
      connections.map((connection) => this.#connections.leave(connection, goodbye('stopped'))),
    );
  }

  /**
   * Stops the node: fires `node_request_to_stop`, sends what is queued, and says goodbye to every peer. Resolves when all
   * sockets and timers are gone. Calling it again waits for the same end.
   *
   * In a handler of `node_request_to_stop` or `node_disconnect_with_outbound_node` it resolves at once, because the node
   * waits for that handler before it stops.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#waitedHandlers.isCaller ? Promise.resolve() : this.#stopped;
  }

  async #stop(): Promise<void> {
    try {
      if (this.#started !== undefined) await this.#stopStarted(this.#started);
    } finally {
      await this.releaseAfterStop();
    }
  }

  async #stopStarted(started: Promise<void>): Promise<void> {
    const isUp = await started.then(
      () => true,
      () => false,
    );
    if (!isUp) return;
    this.#log('stopping');
    await this.#waitedHandlers.run(() => this.#dispatcher.emit('node_request_to_stop', {}));
    this.#stopping.abort(notStarted('is stopping'));
    this.#reconnector.stop();
    this.#inboundFailures.stop();
    this.#connections.stopWatching();
    await Promise.all([this.#leaveAll(), this.#peering.stop()]);
    const closed = await this.#closeTransports();
    await this.#connections.ended();
    this.#log('stopped');
    for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** @see Node.stop */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Connects with another node, or returns the existing connection with it. Resolves when both sides have admitted each
   * other. With `reconnect`, the node keeps the address connected once the first attempt has succeeded. With `retry`, it
   * keeps trying until an attempt succeeds. The other node fires its connected event at about the same time, perhaps a
   * moment later; there, {@link Node.waitForNodes} waits for it.
   *
   * @throws TypeError or RangeError for wrong arguments, with the rule and the value.
   * @throws PeerloomError `ERR_CONNECTION_REFUSED`, `ERR_HOST_NOT_FOUND`, `ERR_HOST_UNREACHABLE`,
   * `ERR_TIMEOUT`, `ERR_HANDSHAKE`, `ERR_ID_MISMATCH`, `ERR_SELF_CONNECTION`, `ERR_NETWORK_MISMATCH`,
   * `ERR_VERSION`, `ERR_NOT_ALLOWED`, `ERR_PLAIN_NOT_ALLOWED`, `ERR_ADDRESS_INVALID`, `ERR_NOT_STARTED`, `ERR_ABORTED`.
   */
  connectWithNode(host: string, port: number, options?: ConnectOptions): Promise<NodeConnection>;
  connectWithNode(address: string, options?: ConnectOptions): Promise<NodeConnection>;
  async connectWithNode(
    hostOrAddress: string,
    portOrOptions?: number | ConnectOptions,
    maybeOptions?: ConnectOptions,
  ): Promise<NodeConnection> {
    // Anything else than options stands where the port does, be it one or not.
    const isHost =
      maybeOptions !== undefined || (portOrOptions !== undefined && typeof portOrOptions !== 'object');
    const address = isHost ? addressOf(hostOrAddress, portOrOptions as number) : this.#parse(hostOrAddress);
    const options = checkConnectOptions(
      isHost ? maybeOptions : (portOrOptions as ConnectOptions | undefined),
    );
    const text = formatAddress(address);
    try {
      const connection = await (options.retry
        ? this.#connectUntilUp(address, options)
        : this.#connect(address, options));
      if (options.reconnect) {
        this.#reconnector.watch(connection, text, (lastId, signal) =>
          this.#connect(address, { ...options, signal, lastId }),
        );
        if (!connection.isOpen || connection.isSuspended) this.#reconnector.onLost(connection.id);
      }
      return connection;
    } catch (error) {
      this.#log(`no connection with ${text}: ${messageOf(error)}`);
      if (isPeerloomError(error)) this.#reportFailure(text, error, 'outbound');
      throw error;
    }
  }

  #connectUntilUp(address: Address, options: ConnectOptions): Promise<NodeConnection> {
    const { reconnect: policy, runtime } = this.#options;
    const text = formatAddress(address);
    const timeoutMs = Number.POSITIVE_INFINITY;
    const stopping = this.#stopping.signal;
    return attempt(
      { what: `connecting with ${text}`, timeoutMs, runtime, stopping, signal: options.signal },
      (signal) =>
        dialUntilUp(() => this.#connect(address, options), {
          policy,
          runtime,
          signal,
          onFailure: (trials, error) => this.#mayTryAgain(text, trials, error),
        }),
    );
  }

  /** Reports a failure of the options' functions once the code that called them has returned. */
  #reportLater(error: TypeError): void {
    queueMicrotask(() => this.#dispatcher.warn(error, 'node_error'));
  }

  #reportFailure(address: string, error: PeerloomError, direction: 'inbound' | 'outbound'): void {
    const data = { address, error, direction };
    this.#dispatcher.emit('connection_error', { data }, address, error, direction);
  }

  async #connect(address: Address, options: ConnectOptions & { lastId?: string }): Promise<NodeConnection> {
    if (this.#started === undefined) throw notStarted('is not running: await start() first');
    await this.#started;
    const stopping = this.#stopping.signal;
    stopping.throwIfAborted();
    const { limits, runtime } = this.#options;
    const text = formatAddress(address);
    const timeoutMs = options.timeoutMs ?? limits.dialTimeoutMs;
    this.#log(`connecting with ${text}`);
    return attempt(
      { what: `connecting with ${text}`, timeoutMs, runtime, stopping, signal: options.signal },
      (signal) => this.#peering.dial(this.#transportFor(address), address, signal, options),
    );
  }

  /**
   * Closes a connection, and stops reconnecting with that peer. For an outbound connection,
   * `node_disconnect_with_outbound_node` fires first, whose handlers may still send. The node sends what is queued; if the
   * connection is suspended, `node_session_lost` reports it instead. Resolves when the disconnect event has fired. In a
   * handler of `node_disconnect_with_outbound_node`, and for a connection that has closed already, it resolves at once.
   *
   * @throws TypeError for anything that is not a connection of this node.
   */
  async disconnectWithNode(connection: NodeConnection): Promise<void> {
    if (!NodeConnection.isGenuine(connection) || connection.mainNode !== this) {
      const given = NodeConnection.isGenuine(connection) ? 'a connection of another node' : shown(connection);
      throw new TypeError(`connection must be a NodeConnection of this node, not ${given}`);
    }
    const current = this.#peering.peers.get(connection.id);
    // One that is gone must not end the watch over another that took its place.
    if (current === undefined || current === connection) this.#reconnector.forget(connection);
    this.#peering.peers.leave(connection);
    const ended = this.#connections.leave(connection, goodbye('disconnected'));
    if (!(this.#connections.isAskedBefore(connection) && this.#waitedHandlers.isCaller)) await ended;
  }

  /**
   * Sends a message to all peers. The node encodes it once. `exclude` lists peers to leave out, as connections or ids.
   *
   * @returns a report: how many peers the message was sent to, which of them are congested, and which failed.
   * @throws TypeError if a message cannot hold the data, an option is unknown, or `exclude` is not a list of connections
   * and ids, or holds an id that no node can have. Failures of single connections are in the report.
   */
  sendToNodes(data: Data, options: SendToNodesOptions = {}): SendReport {
    const { maxContainers } = this.#options.limits;
    return sendToMany(data, options, { connections: this.#connections.channels.keys(), maxContainers });
  }

  /**
   * Sends a request to all peers at once. Their `node_request` handlers return the answers. Pass a kind made by
   * `defineRequest` before the data to have each answer checked by its schema, and typed.
   *
   * @typeParam Response the type of the expected answers. Without a kind, nothing checks it.
   * @returns the answers and failures, as they arrive. Each has its `peer`, and `data` or an `error`. Leaving the loop
   * early aborts the requests that have no answer yet. A peer has `timeoutMs` (30,000 by default) to answer.
   * @throws TypeError or RangeError at once for wrong options. The iteration throws PeerloomError
   * `ERR_TOO_FEW_ANSWERS` as soon as fewer than `atLeast` peers can still answer.
   * @example
   * for await (const { peer, data, error } of node.requestFromNodes('what time is it?')) {
   *   console.log(peer.name, error === undefined ? data : error.message);
   * }
   */
  requestFromNodes<Response, ParsedResponse, Request>(
    type: RequestType<Request, unknown, Response, ParsedResponse>,
    data: Request,
    options?: RequestFromNodesOptions,
  ): AsyncIterable<Answer<ParsedResponse>>;
  requestFromNodes<Response = Data>(
    data: Data,
    options?: RequestFromNodesOptions,
  ): AsyncIterable<Answer<Response>>;
  requestFromNodes(...request: RequestArguments): AsyncIterable<Answer<unknown>> {
    return requestFromMany([...this.#connections.channels.keys()], request);
  }

  /**
   * Waits until this node is connected with that many peers, or with the peers of these ids, whichever side dialled.
   *
   * @returns all connections; for ids, one connection for each, in the order of the ids.
   * @throws TypeError or RangeError for wrong arguments; PeerloomError `ERR_TIMEOUT` after `timeoutMs` (30,000 by
   * default), `ERR_ABORTED`, `ERR_NOT_STARTED` if the node stops meanwhile.
   */
  async waitForNodes(countOrIds: WantedNodes, options?: WaitOptions): Promise<readonly NodeConnection[]> {
    const host = {
      connections: () => this.allNodes,
      dispatcher: this.#dispatcher,
      runtime: this.#options.runtime,
      stopping: this.#stopping.signal,
    };
    return waitForNodes(host, countOrIds, options);
  }

  /**
   * Sends a message to one peer.
   *
   * @param target the peer's connection or id.
   * @returns false above the connection's high-water mark, see {@link NodeConnection.send}.
   * @throws PeerloomError `ERR_NOT_CONNECTED`, and the errors of {@link NodeConnection.send}.
   * @throws TypeError for another kind of target.
   */
  sendToNode(target: NodeConnection | string, data: Data, options?: SendOptions): boolean {
    if (typeof target !== 'string' && !NodeConnection.isGenuine(target)) {
      throw new TypeError(`target must be a NodeConnection of this node, or its id, not ${shown(target)}`);
    }
    const connection = typeof target === 'string' ? this.#peering.peers.get(target) : target;
    if (connection === undefined || !this.#connections.channels.has(connection)) {
      const id = typeof target === 'string' ? target : target.id;
      throw new PeerloomError(
        'ERR_NOT_CONNECTED',
        `this node has no open connection with ${id}: call connectWithNode first`,
      );
    }
    return connection.send(data, options);
  }

  /**
   * Creates the object for a new connection. Override it to use your own class. If it throws, or returns anything but a
   * new NodeConnection made from its arguments, the node refuses the peer: `connectWithNode` rejects, and `node_error`
   * reports it for an inbound connection.
   */
  createNewConnection(link: Link, details: ConnectionDetails): NodeConnection {
    return new NodeConnection(this, link, details);
  }

  /** @internal Where a subclass of ours comes between a connection and its messages, whatever class it has. */
  wrapChannel(channel: Channel): Channel {
    return channel;
  }

  /** @internal Where a subclass of ours lets go of what it holds, once the node has stopped. */
  releaseAfterStop(): void | Promise<void> {}

  /** What `console.log(node)` shows: id, name, address, state, peers and message counts. */
  [Symbol.for('nodejs.util.inspect.custom')](_depth: number, options: object, inspect: Inspect): string {
    const { id, name, host, port } = this;
    const state = this.#stopped !== undefined ? 'stopped' : this.#started === undefined ? 'new' : 'started';
    const peersOf = (connections: Iterable<NodeConnection>): string[] =>
      [...connections].map((peer) => peer.name || peer.id);
    const shownNode = {
      id,
      name,
      address: `${host}:${port}`,
      state,
      inbound: peersOf(this.nodesInbound),
      outbound: peersOf(this.nodesOutbound),
      messages: {
        sent: this.messageCountSend,
        received: this.messageCountRecv,
        rejected: this.messageCountRerr,
      },
    };
    return `${this.constructor.name} ${inspect(shownNode, options)}`;
  }

  /** Prints the ids and addresses of all peers. */
  printConnections(): void {
    console.log(`Connections of ${this.name || this.id}:`);
    for (const [title, connections] of [
      ['inbound', this.#connections.inbound],
      ['outbound', this.#connections.outbound],
    ] as const) {
      console.log(`- ${title}: ${connections.size}`);
      for (const { id, host, port } of connections) console.log(`    ${id} at ${host}:${port}`);
    }
  }

  /**
   * Adds a listener, which is called at each event of that name, after the overridden method and the callback.
   *
   * @throws TypeError for an unknown event or a listener that is not a function.
   */
  on<Name extends NodeEventName>(event: Name, listener: NodeListener<Name>): this {
    this.#dispatcher.on(event, listener);
    return this;
  }

  /**
   * Removes a listener that {@link Node.on} or {@link Node.once} added. If they added it several times, this removes the
   * latest one.
   */
  off<Name extends NodeEventName>(event: Name, listener: NodeListener<Name>): this {
    this.#dispatcher.off(event, listener);
    return this;
  }

  /** Adds a listener for the next event of that name only. */
  once<Name extends NodeEventName>(event: Name, listener: NodeListener<Name>): this {
    this.#dispatcher.on(event, listener, true);
    return this;
  }

  /**
   * Handles a kind of message made by `defineMessage`, or answers a kind of request made by `defineRequest`. The handler
   * receives only data that fits the schema; other data is rejected with `ERR_SCHEMA`. Messages of the kind no longer
   * fire `node_message`, and requests of the kind no longer fire `node_request`.
   *
   * @throws TypeError for anything that is not a kind, or for a kind that has a handler already.
   * @example
   * node.handle(line, (peer, { text }) => console.log(`${peer.name}: ${text}`));
   */
  handle<Parsed>(
    type: MessageType<never, Parsed>,
    handler: (peer: NodeConnection, data: Parsed) => unknown,
  ): this;
  handle<ParsedRequest, Response>(
    type: RequestType<unknown, ParsedRequest, Response>,
    handler: (peer: NodeConnection, data: ParsedRequest) => Response | Promise<Response>,
  ): this;
  handle(type: MessageType | RequestType, handler: (peer: NodeConnection, data: never) => unknown): this {
    this.#typedHandlers.add(type, handler as TypedHandler);
    return this;
  }

  #create(link: Link, details: ConnectionDetails): NodeConnection {
    try {
      const connection: unknown = this.createNewConnection(link, details);
      NodeConnection.checkCreated(connection, this, details);
      return connection;
    } catch (error) {
      throw new ThrownByUser(error);
    }
  }

  #mayTryAgain(address: string, trials: number, error: unknown): Promise<boolean> {
    this.#log(`attempt ${trials} to connect with ${address} failed: ${messageOf(error)}`);
    const isConflict = isPeerloomError(error) && error.code === 'ERR_IDENTITY_IN_USE';
    if (isConflict && trials === 1) this.#dispatcher.warn(error, 'node_reconnection_error');
    const data = { address, trials, error };
    return this.#dispatcher.consult('node_reconnection_error', { data }, address, trials, error);
  }

  /** Transports whose addresses have a form of their own are asked first. */
  #parse(text: string): Address {
    checkType('address', text, 'string');
    for (const transport of this.#options.transports) {
      const address = transport.parse?.(text);
      if (address !== undefined) return address;
    }
    return parseAddress(text);
  }

  #transportFor(address: Address): Transport {
    const { transports } = this.#options;
    const { scheme } = address;
    if (scheme === undefined) return transports[0]!;
    const transport = transports.find(({ schemes }) => schemes.includes(scheme));
    if (transport !== undefined) return transport;
    const known = transports.flatMap(({ schemes }) => schemes.map((one) => `${one}://`)).join(', ');
    throw new PeerloomError(
      'ERR_ADDRESS_INVALID',
      `no transport of this node dials ${scheme}:// addresses; this node dials ${known}`,
    );
  }

  #logOf(part: string): Log {
    return createLog(part, this.#options.name || this.id.slice(-6), () => this.debug);
  }
}

function notStarted(what: string): PeerloomError {
  return new PeerloomError('ERR_NOT_STARTED', `the node ${what}`);
}
