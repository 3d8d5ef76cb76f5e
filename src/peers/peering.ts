import type { Dispatcher } from '../api/dispatcher.ts';
import { NodeConnection } from '../api/node-connection.ts';
import type { ResolvedOptions } from '../api/options.ts';
import type { TypedHandlers } from '../api/typed-handlers.ts';
import type { Address } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import { BackoffTimers } from '../base/backoff-timers.ts';
import type { Log } from '../base/debug.ts';
import { isPeerloomError, type PeerloomError } from '../base/errors.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import type { Meter } from '../base/meter.ts';
import { onPageWake } from '../base/page-wakes.ts';
import { WaitedHandlers } from '../base/waited-handlers.ts';
import type { SpokenProtocol } from '../channel/channel.ts';
import { StoredIdentity } from '../identity/identity-store.ts';
import { goodbye } from '../wire/frames/goodbye.ts';
import { Acceptor } from './acceptor.ts';
import { Admission } from './admission.ts';
import { Connections, type ConnectionsOptions } from './connections.ts';
import { Connector, type ConnectorOptions } from './connector.ts';
import type { Holder } from './holder.ts';
import { InboundFailures } from './inbound-failures.ts';
import { LinkOpener } from './link-opener.ts';
import type { ProtocolEvents } from './live-connection.ts';
import { LivenessWatch } from './liveness-watch.ts';
import type { NeighbourGate } from './neighbour-gate.ts';
import { Peers } from './peers.ts';
import { Reconnector } from './reconnector.ts';
import { notStarted, Transports } from './transports.ts';

/** Finds other nodes while this one runs. */
export interface Finding {
  /** Called when the node listens. If it throws, the node does not start. Returns `undefined` if it need not wait. */
  start(): Promise<void> | undefined;
  /** Called before the node ends its connections. */
  stop(): Promise<void>;
  /** A dial of `address` led to a connection with the node `id`. */
  reached(address: Address, id: string): void;
}

export interface PeeringOptions {
  readonly node: NodeConnection['mainNode'];
  readonly host: string;
  readonly port: number;
  readonly options: ResolvedOptions;
  readonly dispatcher: Dispatcher;
  readonly typedHandlers: TypedHandlers;
  readonly takeMessage: ConnectionsOptions['takeMessage'];
  readonly takeStream: ConnectionsOptions['takeStream'];
  /** The protocols that the node speaks beside messages. */
  readonly protocols: ProtocolEvents & { readonly spoken: readonly SpokenProtocol[] };
  readonly finding: Finding;
  /** `undefined` if the user chooses the neighbours. */
  readonly neighbours: NeighbourGate | undefined;
  readonly loadMover: ConnectorOptions['loadMover'];
  /** Derives the secret of a network key. Rejects with PeerloomError `ERR_NOT_LOADED`. */
  readonly networkSecretOf: (networkKey: string) => Uint8Array | Promise<Uint8Array>;
  readonly budget: MemoryBudget;
  readonly meter: Meter;
  /** Creates the log of a part of the node. */
  readonly logOf: (part: string) => Log;
}

/** What a node does with other nodes, from its start to its stop: listens, connects, and ends connections. */
export class Peering {
  readonly peers: Peers;
  readonly transports: Transports;
  readonly connector: Connector;
  readonly #options: PeeringOptions;
  readonly #dispatcher: Dispatcher;
  readonly #log: Log;
  readonly #liveness: LivenessWatch;
  readonly #reconnector: Reconnector;
  readonly #connections: Connections;
  readonly #acceptor: Acceptor;
  readonly #inboundFailures: InboundFailures;
  /** Timers for the waits between attempts to connect. */
  readonly #timers: BackoffTimers;
  readonly #waitedHandlers = new WaitedHandlers();
  readonly #stopping = new AbortController();
  /** In a page whose network has a key: gives the transports what is derived from it. */
  #attachLater: (() => Promise<void>) | undefined;
  #ignorePage: (() => void) | undefined;
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(context: PeeringOptions) {
    const { node, port, options, dispatcher, typedHandlers, takeMessage, takeStream, protocols } = context;
    const { finding, neighbours, budget, meter, logOf } = context;
    const { identity, limits, runtime, network, networkKey } = options;
    const stopping = this.#stopping.signal;
    const log = logOf('connection');
    this.#options = context;
    this.#dispatcher = dispatcher;
    this.#log = logOf('node');
    this.#inboundFailures = new InboundFailures(runtime, (address, error) =>
      dispatcher.emit('connection_error', address, error, 'inbound'),
    );
    const onInboundFailure = (from: Address, error: PeerloomError): void => {
      meter.handshakes.inbound.failed.add(error);
      this.#inboundFailures.add(from, error);
    };
    this.peers = new Peers(options);
    this.transports = new Transports(options.transports, port, runtime);
    const { peers, transports } = this;
    const onFailure = (address: string, attempts: number, error: unknown): Promise<boolean> =>
      this.#mayTryAgain(address, attempts, error);
    this.#liveness = new LivenessWatch({
      runtime,
      pingAfterMs: limits.pingAfterMs,
      connections: peers.connections,
      isSought: (id) => (peers.find(id)?.watches ?? 0) > 0,
    });
    this.#timers = new BackoffTimers(runtime);
    this.#reconnector = new Reconnector({
      policy: options.reconnect,
      runtime,
      timers: this.#timers,
      peers,
      onFailure,
    });
    const onReached = (address: Address, id: string): void => finding.reached(address, id);
    this.#connections = new Connections({
      node,
      onReached,
      peers,
      dispatcher,
      typedHandlers,
      takeMessage,
      takeStream,
      protocols,
      reconnector: this.#reconnector,
      liveness: this.#liveness,
      waitedHandlers: this.#waitedHandlers,
      meter,
      limits,
      log: this.#log,
      stopping,
    });
    const onUserError = (error: unknown, direction: 'inbound' | 'outbound'): void =>
      dispatcher.failed(error, `${direction}_node_connected`, undefined);
    const admission = new Admission(options, onUserError);
    const opener = new LinkOpener({
      options,
      budget,
      meter,
      log,
      traffic: logOf('message'),
      transports,
      admission,
      connections: this.#connections,
      protocols: protocols.spoken,
      neighbours,
    });
    this.#acceptor = new Acceptor({
      identity,
      peers,
      opener,
      admission,
      log,
      onUserError,
      onFailure: onInboundFailure,
    });
    this.connector = new Connector({
      options,
      transports,
      peers,
      opener,
      reconnector: this.#reconnector,
      timers: this.#timers,
      dispatcher,
      meter,
      neighbours,
      loadMover: context.loadMover,
      log: this.#log,
      onFailure,
      onReached,
      stopping,
    });
    const attach = (networkSecret?: Uint8Array): void =>
      transports.attach({
        identity,
        network,
        networkSecret,
        limits,
        runtime,
        log: logOf('transport'),
        onInboundFailure,
      });
    const networkSecret = networkKey === undefined ? undefined : context.networkSecretOf(networkKey);
    if (!(networkSecret instanceof Promise)) attach(networkSecret);
    else {
      networkSecret.catch(() => {}); // the start meets the same error
      this.#attachLater = async () => attach(await context.networkSecretOf(networkKey!));
    }
  }

  get state(): 'new' | 'started' | 'stopped' {
    if (this.#stopped !== undefined) return 'stopped';
    return this.#started === undefined ? 'new' : 'started';
  }

  /** Aborted, with the reason, once the node stops. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Begins to listen. If this fails, it may be called again. */
  start(): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(notStarted('was stopped: make a new one'));
    this.#started ??= this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    const { transports } = this;
    const { node, host, options, finding } = this.#options;
    const { identity, runtime } = options;
    try {
      if (this.#attachLater !== undefined) await this.#attachLater();
      this.#attachLater = undefined;
      if (identity instanceof StoredIdentity) await identity.open(runtime);
      const opening = node.openBeforeStart();
      if (opening !== undefined) await opening;
      await transports.listen(host, (link) => this.#acceptor.accept(link));
      const found = finding.start();
      if (found !== undefined) await found;
    } catch (error) {
      // Nodes may have connected with a transport that listened already.
      await this.#disconnectAll();
      await transports.close();
      await this.#connections.ended();
      transports.reset();
      this.#closeIdentity();
      this.#started = undefined;
      throw error;
    }
    if (runtime.isVirtual !== true) this.#ignorePage = onPageWake(() => this.#wake());
    this.#log(`listening on ${host} port ${transports.port} as ${node.id}`);
  }

  /** Reconnects lost connections immediately, and checks which other connections are dead. */
  #wake(): void {
    this.#timers.hurry();
    const now = this.#options.options.runtime.now();
    for (const { channel } of this.peers.connections.values()) channel.checkSilence(now, 0);
  }

  /** Ends a connection, and stops reconnecting with its peer. Resolves when the disconnect event has fired. */
  async disconnect(connection: NodeConnection): Promise<void> {
    const peer = this.peers.find(connection.id);
    const current = peer?.connection?.connection;
    // An old connection must not end the watch over its replacement.
    if (current === undefined || current === connection) {
      NodeConnection.setDisconnected(connection);
      if (peer !== undefined) this.#reconnector.forget(peer);
    }
    const live = this.peers.connections.get(connection);
    if (live === undefined) return;
    live.isLeaving = true;
    const ended = live.disconnect(goodbye('disconnected'));
    if (!(live.isTakingLeave && this.#waitedHandlers.isCaller)) await ended;
  }

  /** Keeps the connection with a peer open until {@link Peering.release}. @returns whether there is one. */
  hold(id: string, holder: Holder): boolean {
    const peer = this.peers.find(id);
    if (peer?.connection === undefined) return false;
    peer.hold(holder);
    return true;
  }

  /** Releases the connection with a peer. It closes when its last holder has released it. */
  release(id: string, holder: Holder): void {
    const peer = this.peers.find(id);
    const live = peer?.connection;
    if (peer === undefined || live === undefined || !peer.release(holder)) return;
    live.isLeaving = true;
    void live.disconnect(goodbye('disconnected'));
  }

  isHeldBy(id: string, holder: Holder): boolean {
    return this.peers.find(id)?.isHeldBy(holder) === true;
  }

  /** Ends everything. Called within a handler for which the stop waits, it resolves immediately. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#waitedHandlers.isCaller ? Promise.resolve() : this.#stopped;
  }

  async #stop(): Promise<void> {
    try {
      if (this.#started !== undefined) await this.#stopStarted(this.#started);
    } finally {
      this.#closeIdentity();
      await this.#options.node.releaseAfterStop();
    }
  }

  #closeIdentity(): void {
    const { identity } = this.#options.options;
    if (identity instanceof StoredIdentity) identity.close();
  }

  async #stopStarted(started: Promise<void>): Promise<void> {
    const isUp = await started.then(
      () => true,
      () => false,
    );
    if (!isUp) return;
    this.#log('stopping');
    await this.#waitedHandlers.run(() => this.#dispatcher.emit('node_request_to_stop'));
    this.#stopping.abort(notStarted('is stopping'));
    this.#ignorePage?.();
    this.#reconnector.stop();
    this.#inboundFailures.stop();
    this.#liveness.stop();
    await Promise.all([this.#options.finding.stop(), this.#disconnectAll(), this.#acceptor.stop()]);
    const failures = await this.transports.close();
    await this.#connections.ended();
    this.#log('stopped');
    for (const failure of failures) throw failure;
  }

  async #disconnectAll(): Promise<void> {
    const all = [...this.peers.connections.values()];
    await Promise.all(all.map((live) => live.disconnect(goodbye('stopped'))));
  }

  #mayTryAgain(address: string, attempts: number, error: unknown): Promise<boolean> {
    this.#log(`attempt ${attempts} to connect with ${address} failed: ${messageOf(error)}`);
    const isConflict = isPeerloomError(error) && error.code === 'ERR_IDENTITY_IN_USE';
    if (isConflict && attempts === 1) this.#dispatcher.warn(error, 'node_reconnection_error');
    return this.#dispatcher.consult('node_reconnection_error', address, attempts, error);
  }
}
