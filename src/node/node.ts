/// <reference lib="esnext.disposable" preserve="true" />

import type { BroadcastOptions, BroadcastReceipt, SubscribeOptions } from '../api/broadcast-options.ts';
import { type ConnectOptions, checkConnectOptions } from '../api/connect-options.ts';
import type { KnownNode } from '../api/discovery.ts';
import type { Dispatcher } from '../api/dispatcher.ts';
import type { NodeEventName, NodeListener } from '../api/events.ts';
import type { Explanation } from '../api/explanation.ts';
import { checkGivenId } from '../api/given-id.ts';
import type { NodeMetrics } from '../api/metrics.ts';
import type { Neighbourhood } from '../api/neighbourhood.ts';
import { type ConnectionDetails, NodeConnection } from '../api/node-connection.ts';
import { NodeHandlers } from '../api/node-handlers.ts';
import type { NodeObserver } from '../api/node-observer.ts';
import { type NodeOptions, type ResolvedOptions, resolveOptions } from '../api/options.ts';
import type { Route } from '../api/route.ts';
import type { SendStateOptions } from '../api/state-transfer.ts';
import type { TypedHandler, TypedHandlers } from '../api/typed-handlers.ts';
import type { MessageType, RequestType } from '../api/typed-messages.ts';
import { addressOf } from '../base/address.ts';
import { checkType, shown } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Inspect } from '../base/inspect.ts';
import { MemoryBudget } from '../base/memory-budget.ts';
import { Meter } from '../base/meter.ts';
import type { Runtime } from '../base/runtime.ts';
import type { Channel, SendOptions } from '../channel/channel.ts';
import type { WaitOptions } from '../channel/pending.ts';
import type { Finder } from '../discovery/finder.ts';
import type { Sighting } from '../discovery/looks.ts';
import { isPeerId } from '../identity/identity.ts';
import type { Presence } from '../overlay/presence/presence.ts';
import type { Peering } from '../peers/peering.ts';
import type { StateDictLike } from '../tensors/formats/state-dict.ts';
import type { Broadcasts } from './broadcasts.ts';
import { loadedPart, loadPart } from './load-part.ts';
import type { MembershipPart } from './membership-part.ts';
import { warnOfMisspeltMethods } from './misspelt-methods.ts';
import { nodeMetrics } from './node-metrics.ts';
import { createParts } from './node-parts.ts';
import { createRecorder } from './recorder/create-recorder.ts';
import {
  type Answer,
  type RequestArguments,
  type RequestFromNodesOptions,
  requestFromMany,
} from './request-from-nodes.ts';
import { routeTo } from './route-to.ts';
import { type SendReport, type SendToNodesOptions, sendToMany } from './send-to-many.ts';
import { printConnections, shownNode } from './show-node.ts';
import type { States } from './states/states.ts';
import { type WantedNodes, waitForNodes } from './wait-for-nodes.ts';

/**
 * A node of a peer-to-peer network. It listens, connects to other nodes, and reports what happens through events.
 * Extend it and override the methods of the events that you need, or pass a callback, or add listeners with
 * {@link Node.on}.
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
  /** The host on which the node listens. */
  readonly host: string;
  /** Whether the node prints every step. */
  debug: boolean;
  /** @internal Used by SecureNode for what it keeps for peers. */
  readonly memoryBudget: MemoryBudget;
  /** @internal The node's counters. Users read them through {@link Node.metrics}. */
  readonly nodeMeter = new Meter();
  /** @internal The source of time and randomness for SecureNode. */
  readonly checkedRuntime: Runtime;
  /** @internal Set by a simulation to observe the node. */
  simulationObserver: NodeObserver | undefined;
  /** @internal Where a recorder numbers connections. */
  onConnectionMade: ((connection: NodeConnection) => void) | undefined;

  readonly #options: ResolvedOptions;
  readonly #dispatcher: Dispatcher;
  readonly #broadcasts: Broadcasts;
  readonly #finder: Finder;
  readonly #typedHandlers: TypedHandlers;
  readonly #membership: MembershipPart | undefined;
  readonly #presence: Presence | undefined;
  readonly #states: States;
  readonly #peering: Peering;

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
    const recorder = createRecorder(resolved, { given: options, ...address });
    this.host = address.host;
    this.debug = resolved.debug;
    this.memoryBudget = new MemoryBudget(resolved.limits.memoryBudgetBytes);
    const { protocols, ...parts } = createParts(this, address, { ...resolved, ...recorder?.given });
    this.checkedRuntime = parts.options.runtime;
    this.#options = parts.options;
    this.#dispatcher = parts.dispatcher;
    this.#typedHandlers = parts.typedHandlers;
    this.#finder = parts.finder;
    this.#membership = parts.membership;
    this.#presence = parts.presence;
    this.#broadcasts = parts.broadcasts;
    this.#states = parts.states;
    this.#peering = parts.peering;
    protocols.attach();
    if (recorder !== undefined) {
      const warn = (message: string): void => parts.dispatcher.warn(new Error(message), 'node_error');
      recorder.attach(this, Node.prototype, warn);
      this.onConnectionMade = (connection) => recorder.connection(connection);
    }
  }

  /**
   * The node's id: the libp2p PeerId of its public key, `'12D3KooW…'`.
   *
   * @throws PeerloomError `ERR_NOT_STARTED` before the node has started, if its identity is in a store of the browser.
   */
  get id(): string {
    return this.#options.identity.id;
  }

  /** The port on which the node listens. With port 0 it is 0 until {@link Node.start} has resolved. */
  get port(): number {
    return this.#peering.transports.port;
  }

  /**
   * The addresses on which the node listens, such as `'tls://0.0.0.0:10001'`, one or more for each listening transport.
   * Empty before {@link Node.start} has resolved. Peers learn them when they connect.
   */
  get addresses(): readonly string[] {
    return [...this.#peering.transports.addresses];
  }

  /** The node's name, which every peer sees. It may be empty. */
  get name(): string {
    return this.#options.name;
  }

  /** The connections that other nodes dialled. */
  get nodesInbound(): ReadonlySet<NodeConnection> {
    return this.#peering.peers.inbound.forUsers;
  }

  /** The connections that this node dialled. */
  get nodesOutbound(): ReadonlySet<NodeConnection> {
    return this.#peering.peers.outbound.forUsers;
  }

  /** All connections at this moment, in a new list. */
  get allNodes(): readonly NodeConnection[] {
    return [...this.#peering.peers.inbound, ...this.#peering.peers.outbound];
  }

  /**
   * The nodes that this node knows, in a new list: nodes with which it is or was connected, nodes that it found, and
   * nodes of which others told it. It remembers at most 1,024 addresses, and 512 nodes of which others told it.
   */
  get knownNodes(): readonly KnownNode[] {
    return this.#finder.knownNodes;
  }

  /**
   * The neighbours that the node has chosen automatically, at this moment. Empty with `neighbourhood: 'manual'`. Other
   * connections are only in {@link Node.allNodes}.
   */
  get neighbourhood(): Neighbourhood {
    const { active = [], passive = [] } = this.#membership?.current ?? {};
    return { active, passive };
  }

  /**
   * The ids of the other nodes that are present in the network, in a new list: those that have joined and not left, as
   * far as this node knows. Empty without the option `presence`.
   */
  get presentNodes(): readonly string[] {
    return this.#presence?.ids ?? [];
  }

  /**
   * The peer that leads to a node: the node itself, if this node is connected with it; otherwise the peer over which
   * its latest broadcast arrived, perhaps long ago. Announcements of nodes with `presence` are broadcasts. The way to
   * the node may be another one, and the number of links is what the nodes in between report.
   *
   * @returns `undefined` if there is no such peer. The node remembers the latest 4,096 origins of broadcasts.
   * @throws TypeError for text that cannot be an id.
   */
  route(id: string): Route | undefined {
    const sources = {
      peers: this.#peering.peers,
      broadcasts: this.#broadcasts,
      nowMs: this.checkedRuntime.now(),
    };
    return routeTo(id, sources);
  }

  /**
   * Explains why a node is, or is not, reached, and what to do. It covers connections and their ends, the latest
   * failures, the known addresses and their ages, lists and limits. It only reads what this node knows, and sends
   * nothing. For this node's own id, it explains how others can reach this node.
   *
   * @throws TypeError for text that cannot be an id. PeerloomError `ERR_NOT_LOADED` in a page that is still loading the
   * code for it, which the first call starts: call again in a moment.
   * @example
   * console.log(String(node.explain('12D3KooW…')));
   */
  explain(id: string): Explanation {
    checkGivenId('id', checkType('id', id, 'string'));
    return loadedPart('explaining').explain(id, {
      options: this.#options,
      peering: this.#peering,
      finder: this.#finder,
      membership: this.#membership?.current,
      presence: this.#presence,
      broadcasts: this.#broadcasts,
      failedInbound: this.nodeMeter.handshakes.inbound.failed.byCode(),
    });
  }

  /** Messages, deliveries and requests sent. A message to several peers counts for each of them. */
  get messageCountSend(): number {
    return this.nodeMeter.sent;
  }

  /** Messages, deliveries and requests received and handed to handlers. */
  get messageCountRecv(): number {
    return this.nodeMeter.received;
  }

  /** Messages that arrived and were rejected, for example because they could not be decoded. */
  get messageCountRerr(): number {
    return this.nodeMeter.rejected.total;
  }

  /**
   * Broadcasts that no handler received, because handlers were slower than they arrived, or because they arrived too
   * late for their order (`subscribe` with `ordered`).
   */
  get broadcastCountDropped(): number {
    return this.#broadcasts.dropped;
  }

  /**
   * Broadcasts of this node's topics that were rejected, because they could not be decoded, or were not encrypted with
   * the topic's key.
   */
  get broadcastCountRejected(): number {
    return this.#broadcasts.rejected;
  }

  /**
   * Starts to listen, on all transports or on none. If this fails, the node is unchanged, and you may call it again.
   *
   * @throws PeerloomError `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE`, `ERR_HOST_NOT_FOUND`;
   * `ERR_NOT_STARTED` for a node that was stopped: a stopped node cannot start again. With an identity in a store:
   * `ERR_IDENTITY_IN_USE`, `ERR_IDENTITY_STORE`.
   */
  start(): Promise<void> {
    if (this.#peering.state !== 'stopped') this.#warnOfMisspeltMethods();
    return this.#membership === undefined ? this.#peering.start() : this.#startMembership(this.#membership);
  }

  async #startMembership(part: MembershipPart): Promise<void> {
    const membership = part.current ?? (await part.load());
    await this.#peering.start();
    membership.start();
  }

  /** Called at the start, when listeners and handlers of typed messages have been added. */
  #warnOfMisspeltMethods(): void {
    const handling = {
      base: Node.prototype,
      handles: (event: NodeEventName) => this.#dispatcher.handles(event),
      hasTyped: this.#typedHandlers.isInUse,
    };
    warnOfMisspeltMethods(this, handling);
  }

  /**
   * Stops the node: fires `node_request_to_stop`, sends what is queued, and says goodbye to every peer. Resolves when
   * all sockets and timers are gone. Further calls wait for the same end.
   *
   * Within a handler of `node_request_to_stop` or `node_disconnect_with_outbound_node` it resolves immediately, because
   * the node waits for that handler before it stops.
   */
  stop(): Promise<void> {
    return this.#peering.stop();
  }

  /** @see Node.stop */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Connects with another node, or returns the existing connection with it. Resolves when both sides have admitted each
   * other. With `reconnect`, the node keeps the address connected once the first attempt has succeeded. With `retry`,
   * it keeps trying until an attempt succeeds. The other node fires its connected event at about the same time, perhaps
   * a moment later; there, {@link Node.waitForNodes} waits for it.
   *
   * You can give an id in place of an address. This node then dials the addresses that it knows for the id. If that
   * fails, it asks its peers, which ask their peers, up to five links away. Answers take a second or two, at most
   * `timeoutMs`.
   *
   * @throws TypeError or RangeError for wrong arguments, with the rule and the value.
   * @throws PeerloomError `ERR_CONNECTION_REFUSED`, `ERR_HOST_NOT_FOUND`, `ERR_HOST_UNREACHABLE`,
   * `ERR_TIMEOUT`, `ERR_HANDSHAKE`, `ERR_ID_MISMATCH`, `ERR_SELF_CONNECTION`, `ERR_NETWORK_MISMATCH`,
   * `ERR_VERSION`, `ERR_NOT_ALLOWED`, `ERR_PLAIN_NOT_ALLOWED`, `ERR_ADDRESS_INVALID`, `ERR_NOT_STARTED`, `ERR_ABORTED`;
   * `ERR_NODE_UNKNOWN` for an id whose addresses nobody knows.
   * @example
   * await node.connectWithNode('192.0.2.7', 10001);
   * await node.connectWithNode('12D3KooWJmZ3rW…'); // an id is enough in a network
   */
  connectWithNode(host: string, port: number, options?: ConnectOptions): Promise<NodeConnection>;
  connectWithNode(addressOrId: string, options?: ConnectOptions): Promise<NodeConnection>;
  async connectWithNode(
    hostOrAddress: string,
    portOrOptions?: number | ConnectOptions,
    maybeOptions?: ConnectOptions,
  ): Promise<NodeConnection> {
    // If the second argument is not options, it is taken for the port, and checked as one.
    const isHost =
      maybeOptions !== undefined || (portOrOptions !== undefined && typeof portOrOptions !== 'object');
    const given = isHost ? maybeOptions : (portOrOptions as ConnectOptions | undefined);
    if (!isHost && typeof hostOrAddress === 'string' && isPeerId(hostOrAddress)) {
      return this.#finder.connect(hostOrAddress, checkConnectOptions(given));
    }
    const address = isHost
      ? addressOf(hostOrAddress, portOrOptions as number)
      : this.#peering.transports.parse(hostOrAddress);
    const options = checkConnectOptions(given);
    return this.#peering.connector.connect(address, options);
  }

  /**
   * Closes a connection, and stops reconnecting with that peer. For an outbound connection,
   * `node_disconnect_with_outbound_node` fires first, and its handlers may still send. The node sends what is queued;
   * if the connection is suspended, `node_session_lost` reports it instead. Resolves when the disconnect event has
   * fired. Within a handler of `node_disconnect_with_outbound_node`, and for a closed connection, it resolves
   * immediately.
   *
   * @throws TypeError for anything that is not a connection of this node.
   */
  async disconnectWithNode(connection: NodeConnection): Promise<void> {
    if (!NodeConnection.isGenuine(connection) || connection.mainNode !== this) {
      const given = NodeConnection.isGenuine(connection) ? 'a connection of another node' : shown(connection);
      throw new TypeError(`connection must be a NodeConnection of this node, not ${given}`);
    }
    await this.#peering.disconnect(connection);
  }

  /**
   * Sends a message to all peers. The node encodes it once. `exclude` lists peers to leave out, as connections or ids.
   *
   * @returns a report: how many peers the message was sent to, which of them are congested, and which failed.
   * @throws TypeError if a message cannot hold the data, an option is unknown, or `exclude` is not a list of
   * connections and ids, or holds an id that no node can have. Failures of single connections are in the report.
   */
  sendToNodes(data: Data, options: SendToNodesOptions = {}): SendReport {
    const { maxContainers } = this.#options.limits;
    return sendToMany(data, options, { connections: this.#peering.peers.connections.keys(), maxContainers });
  }

  /**
   * Sends data once to every other node of the network, however many links away. The nodes in between pass it on, so no
   * node needs to know all others. This node signs it, and every receiver checks the signature. `node_broadcast` fires
   * on the other nodes with this node as the origin, but not on this node. Broadcasts may arrive in any order. A node
   * that joins the network later does not receive it, unless both keep the topic (`history` of {@link Node.subscribe}).
   *
   * The clocks of the nodes may differ by at most 2 minutes.
   *
   * @returns the id of the broadcast, and the number of neighbours that pass it on. With the option `topicKey`, a
   * promise.
   * @throws PeerloomError `ERR_NO_NEIGHBOUR` without a connection, unless this node keeps the topic;
   * `ERR_MESSAGE_TOO_LARGE` above 1 MiB; `ERR_QUEUE_FULL` if the broadcasts of the last two seconds exceed 8 MiB;
   * `ERR_TOPIC_KEY` while the key of a subscribed topic is being derived. TypeError if a message cannot hold the data,
   * or for wrong options.
   * @example
   * node.broadcast({ text: 'hello' });
   * node.broadcast({ text: 'hello' }, { topic: 'chat' }); // only for nodes that called subscribe('chat')
   */
  broadcast(data: Data, options?: BroadcastOptions & { readonly topicKey?: undefined }): BroadcastReceipt;
  broadcast(data: Data, options: BroadcastOptions & { readonly topicKey: string }): Promise<BroadcastReceipt>;
  broadcast(data: Data, options?: BroadcastOptions): BroadcastReceipt | Promise<BroadcastReceipt>;
  broadcast(data: Data, options?: BroadcastOptions): BroadcastReceipt | Promise<BroadcastReceipt> {
    return this.#broadcasts.send(data, options);
  }

  /**
   * Subscribes to a topic: `node_broadcast` also fires for its broadcasts. Every node is subscribed to `''` from the
   * start. If the node has subscribed to the topic before, the new options replace the earlier ones.
   *
   * @returns nothing. With `topicKey` or `history`, a promise that resolves when the key is derived and the history is
   * open. Until then, the node neither receives nor sends broadcasts with this topic. In Node.js, a history without
   * `topicKey` is open immediately.
   * @throws TypeError or RangeError for wrong arguments. PeerloomError `ERR_HISTORY_FILE` if the file or store of the
   * history cannot be used; the node is not subscribed then. `ERR_NOT_LOADED` in a page.
   * @example
   * node.subscribe('chat');
   * await node.subscribe('chat', { history: { maxMessages: 1000 } }); // also what was said before the node joined
   * await node.subscribe('board', { topicKey: '5f0c…' }); // nodes without the key cannot read the board
   */
  subscribe(
    topic: string,
    options?: SubscribeOptions & { readonly topicKey?: undefined; readonly history?: undefined },
  ): void;
  subscribe(topic: string, options: SubscribeOptions): Promise<void>;
  subscribe(topic: string, options?: SubscribeOptions): Promise<void> {
    return this.#broadcasts.subscribe(topic, options);
  }

  /**
   * Unsubscribes from a topic: `node_broadcast` no longer fires for its broadcasts, but the node still passes them on.
   * `''` stands for broadcasts without a topic.
   */
  unsubscribe(topic: string): void {
    this.#broadcasts.unsubscribe(topic);
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
    return requestFromMany([...this.#peering.peers.connections.keys()], request);
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
      stopping: this.#peering.stopping,
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
    const connection = this.#connectionOf(target);
    return connection.send(data, options);
  }

  /**
   * Sends a state dict (all tensors of a model) in its own stream: it may be larger than a message, and messages do not
   * wait for it. Resolves when the peer's `node_state` handlers have run. If the connection breaks, the transfer
   * resumes automatically if the connection was made with `reconnect`. Otherwise call this again; it then sends only
   * what the peer lacks. Do not change the tensors until it resolves.
   *
   * @param target the peer's connection or id.
   * @throws PeerloomError `ERR_STATE_REFUSED` if the peer does not want it, or it is larger than the peer allows
   * (`limits.maxStateBytes`, 128 MiB), or the peer ended the transfer; `ERR_HANDLER` if the peer has no `node_state`
   * handler, or that failed; `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_NOT_CONNECTED`, and the errors of
   * {@link NodeConnection.openStream}.
   * @throws TypeError or RangeError for wrong arguments, or a state of more than 16,384 tensors.
   * @example
   * await node.sendState(peer, { 'layer.weight': weights, 'layer.bias': bias }, { info: { round: 3 } });
   */
  async sendState(
    target: NodeConnection | string,
    state: StateDictLike,
    options: SendStateOptions = {},
  ): Promise<void> {
    const connection = this.#connectionOf(target);
    const part = loadPart('states');
    const { sendStateOver } = part instanceof Promise ? await part : part;
    await sendStateOver(connection, state, options, this.#options.runtime);
  }

  #connectionOf(target: NodeConnection | string): NodeConnection {
    if (typeof target !== 'string' && !NodeConnection.isGenuine(target)) {
      throw new TypeError(`target must be a NodeConnection of this node, or its id, not ${shown(target)}`);
    }
    const { peers } = this.#peering;
    const connection = typeof target === 'string' ? peers.find(target)?.connection?.connection : target;
    if (connection === undefined || !peers.connections.has(connection)) {
      const id = typeof target === 'string' ? target : target.id;
      throw new PeerloomError(
        'ERR_NOT_CONNECTED',
        `this node has no open connection with ${id}: call connectWithNode first`,
      );
    }
    return connection;
  }

  /**
   * Creates the object for a new connection. Override it to use your own class. If it throws, or returns anything but a
   * new NodeConnection made from its argument, the node refuses the peer: `connectWithNode` rejects, and `node_error`
   * reports it for an inbound connection.
   */
  createNewConnection(details: ConnectionDetails): NodeConnection {
    return new NodeConnection(this, details);
  }

  /** @internal Lets SecureNode intercept the messages of all connections, whatever their class. */
  wrapChannel(channel: Channel): Channel {
    return channel;
  }

  /** @internal Asks a peer for this node's address as the peer sees it. `undefined` if the peer does not answer. */
  seenBy(peer: NodeConnection): Promise<Sighting | undefined> {
    return this.#finder.seenBy(peer);
  }

  /** @internal Reports a failure that no caller receives. */
  reportFailure(error: Error): void {
    this.#dispatcher.warn(error, 'node_error');
  }

  /** @internal Lets SecureNode open its files before the node listens. */
  openBeforeStart(): Promise<void> | undefined {
    return undefined;
  }

  /** @internal Lets SecureNode release its resources once the node has stopped. */
  releaseAfterStop(): void | Promise<void> {
    this.#states.close();
    return this.#broadcasts.close();
  }

  /** What `console.log(node)` shows: id, name, address, state, peers and message counts. */
  [Symbol.for('nodejs.util.inspect.custom')](_depth: number, options: object, inspect: Inspect): string {
    return `${this.constructor.name} ${inspect(shownNode(this, this.#peering), options)}`;
  }

  /**
   * Returns the node's counters, and the present lengths of its queues. For one peer, see
   * {@link NodeConnection.metrics}. It takes time in proportion to the number of connections.
   */
  metrics(): NodeMetrics {
    return nodeMetrics(this, this.#peering.peers);
  }

  /** Prints the ids and addresses of all peers, the traffic of each connection, and the lengths of the queues. */
  printConnections(): void {
    printConnections(this, this.#peering.peers);
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
   * Removes a listener that {@link Node.on} or {@link Node.once} added. If they added it several times, this removes
   * the latest one.
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
   * Handles a kind of message made by `defineMessage`, or answers a kind of request made by `defineRequest`. The
   * handler receives only data that fits the schema; other data is rejected with `ERR_SCHEMA`. Messages of the kind no
   * longer fire `node_message`, and requests of the kind no longer fire `node_request`.
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
}
