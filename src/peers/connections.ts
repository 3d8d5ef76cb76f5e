import type { Dispatcher, SlowNodeHandler } from '../api/events.ts';
import { type ConnectionDetails, type MessageCounts, NodeConnection } from '../api/node-connection.ts';
import { PeerStream } from '../api/peer-stream.ts';
import type { TypedHandlers } from '../api/typed-handlers.ts';
import { formatAddress } from '../base/address.ts';
import type { Data } from '../base/data.ts';
import type { Log } from '../base/debug.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { peerLabel } from '../base/peer-label.ts';
import type { Runtime } from '../base/runtime.ts';
import type { WaitedHandlers } from '../base/waited-handlers.ts';
import type { Channel, ChannelHandler, CloseReason, Handled, SlowHandler } from '../channel/channel.ts';
import type { Link } from '../transport/transport.ts';
import { type Goodbye, goodbye } from '../wire/frames/goodbye.ts';
import { LivenessWatch } from './liveness-watch.ts';
import type { PeerTable } from './peer-table.ts';
import type { NewChannel } from './peering.ts';
import type { Reconnector } from './reconnector.ts';

/** What is told of the protocols that a node speaks beside messages. */
export interface ProtocolEvents {
  opened(name: string, connection: NodeConnection, channel: Channel): void;
  /** @returns a promise that never rejects, when the protocol is not done with the bytes yet. */
  received(name: string, connection: NodeConnection, bytes: Uint8Array): Promise<void> | undefined;
  closed(name: string, connection: NodeConnection): void;
}

export interface ConnectionsOptions {
  readonly peers: PeerTable;
  readonly dispatcher: Dispatcher;
  readonly typedHandlers: TypedHandlers;
  readonly protocols: ProtocolEvents;
  readonly reconnector: Reconnector;
  readonly waitedHandlers: WaitedHandlers;
  readonly log: Log;
  /** Aborted once the node stops. */
  readonly stopping: AbortSignal;
  readonly runtime: Runtime;
  readonly limits: Limits;
  /** Makes the object that the user holds; throws where the user's own code does, or returns something else. */
  readonly create: (link: Link, details: ConnectionDetails) => NodeConnection;
  /** What the connection uses in place of a channel. */
  readonly wrap: (channel: Channel) => Channel;
}

/** Heard by nobody when the node was restarted: then its earlier run is gone. */
const byAnotherRun =
  'another process with the same identity took the place of this connection: give each process an identity of its own';

/** A connection that this node is about to end. */
interface Leaving {
  /** Resolves when the disconnect event has fired. */
  readonly ended: Promise<void>;
  /** The handlers that may still send a last message are running. */
  isAsking: boolean;
}

/** The connections of a node, each from its channel to its last event: what happens to them, the user is told. */
export class Connections {
  /** Those that other nodes made and that have a link. */
  readonly inbound = new Set<NodeConnection>();
  /** Those that this node made and that have a link. */
  readonly outbound = new Set<NodeConnection>();
  /** Of all that have not closed. */
  readonly channels = new Map<NodeConnection, Channel>();
  readonly counts: MessageCounts = { sent: 0, received: 0, rejected: 0 };
  readonly #options: ConnectionsOptions;
  readonly #endings = new Map<NodeConnection, Promise<void>>();
  readonly #leavings = new WeakMap<NodeConnection, Leaving>();
  readonly #liveness: LivenessWatch;

  constructor(options: ConnectionsOptions) {
    const { runtime, limits, reconnector } = options;
    this.#options = options;
    this.#liveness = new LivenessWatch({
      runtime,
      pingAfterMs: limits.pingAfterMs,
      channels: this.channels,
      isSought: (id) => reconnector.watches(id),
    });
  }

  /** Makes a connection of a channel; an older one with the same node ends. */
  adopt({ link, channel: fresh, host, port }: NewChannel): NodeConnection {
    const { peers, log, stopping, create, wrap } = this.#options;
    const channel = wrap(fresh);
    const { direction, remote } = channel;
    const { id, name, instance } = remote;
    const details = { id, name, host, port, direction, channel, counts: this.counts };
    const connection = create(link, details);
    const older = peers.add(connection, instance);
    if (older?.isSuspended) this.channels.get(older)!.giveUp('the other node began a new session');
    // One that has ended by itself may still have messages to hand over.
    else if (older?.isOpen) void this.#end(older, this.#replacedBy(instance, older));
    this.channels.set(connection, channel);
    this.#linkedBy(connection).add(connection);
    this.#liveness.expect(this.#options.limits.pingAfterMs);
    log(`connected (${direction}) with ${peerLabel(remote)} at ${host} port ${port}`);
    const ended = Promise.withResolvers<void>();
    this.#endings.set(connection, ended.promise);
    channel.start(this.#handlerOf(connection, channel, ended.resolve));
    if (stopping.aborted) channel.close(goodbye('stopped'));
    return connection;
  }

  /** Handlers that may still send a last message run, and the end of the connection waits for them. */
  isAskedBefore(connection: NodeConnection): boolean {
    return this.#leavings.get(connection)?.isAsking === true;
  }

  /** Tells the user, once for each connection, then closes. Resolves when the disconnect event has fired. */
  leave(connection: NodeConnection, farewell: Goodbye): Promise<void> {
    return this.#leavings.get(connection)?.ended ?? this.#leave(connection, farewell);
  }

  #leave(connection: NodeConnection, farewell: Goodbye): Promise<void> {
    const isThere = this.channels.has(connection) && connection.isOpen && !connection.isSuspended;
    if (!isThere || connection.direction === 'inbound') return this.#end(connection, farewell);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const leaving: Leaving = { ended, isAsking: true };
    this.#leavings.set(connection, leaving);
    const { dispatcher, waitedHandlers } = this.#options;
    const asked = waitedHandlers.run(() =>
      dispatcher.emit('node_disconnect_with_outbound_node', { peer: connection }, connection),
    );
    const end = (): Promise<void> => {
      leaving.isAsking = false;
      return this.#end(connection, farewell);
    };
    resolve(asked.then(end));
    return ended;
  }

  /** Two processes use the identity of that node. The one that is connected learns of it by the end of its connection. */
  endConflict(connection: NodeConnection): void {
    this.#options.log(`two processes use the identity of ${peerLabel(connection)}: reporting it to both`);
    void this.#end(connection, goodbye('conflict'));
  }

  /** Waits no longer for a suspended connection. */
  giveUp(id: string, message: string): void {
    const connection = this.#options.peers.get(id);
    if (connection !== undefined) this.channels.get(connection)?.giveUp(message);
  }

  /** The node stops: silent peers are neither pinged nor given up any more. */
  stopWatching(): void {
    this.#liveness.stop();
  }

  /** Resolves when those that are there now have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#endings.values());
  }

  #handlerOf(connection: NodeConnection, channel: Channel, ended: () => void): ChannelHandler {
    const { dispatcher, typedHandlers, protocols, reconnector, log } = this.#options;
    const { counts } = this;
    const { direction } = connection;
    const details = { peer: connection };
    const reject = (error: Error): void => {
      counts.rejected += 1;
      log(`rejected a message of ${peerLabel(connection)}: ${error.message}`);
      dispatcher.emit('node_message_rejected', { peer: connection, data: error }, connection, error);
    };
    return {
      connected: () => dispatcher.emit(`${direction}_node_connected`, details, connection),
      message: (data, text) => {
        counts.received += 1;
        const typed = typedHandlers.ofMessage(data, connection);
        return typed === undefined
          ? dispatcher.emitMessage(connection, data, text)
          : unlessRejected(() => typedHandlers.receive(typed, { peer: connection, data, reject }));
      },
      delivery: (data) => {
        counts.received += 1;
        const typed = typedHandlers.ofMessage(data, connection);
        if (typed === undefined && !dispatcher.handles('node_message')) return undefined;
        return typed === undefined
          ? dispatcher.emitMessage(connection, data)
          : typedHandlers.receive(typed, { peer: connection, data, reject });
      },
      request: (data) => {
        counts.received += 1;
        const typed = typedHandlers.ofRequest(data, connection);
        if (typed !== undefined) {
          const arrival = { peer: connection, data, reject };
          return typedHandlers.answer(typed, arrival) as ReturnType<ChannelHandler['request']>;
        }
        const details = { peer: connection, data };
        return dispatcher.ask('node_request', details, connection, data) as ReturnType<
          ChannelHandler['request']
        >;
      },
      stream: (header, channelStream) => {
        if (!dispatcher.handles('node_stream')) return undefined;
        const stream = new PeerStream(connection, header, channelStream);
        const details = { peer: connection, data: stream };
        return dispatcher.emit('node_stream', details, connection, stream, header);
      },
      protocolOpened: (name) => protocols.opened(name, connection, channel),
      protocol: (name, bytes) => protocols.received(name, connection, bytes),
      protocolClosed: (name) => protocols.closed(name, connection),
      unanswerable: (error) => dispatcher.failed(error, 'node_request', connection),
      rejected: reject,
      slow: (handler) => this.#onSlow(connection, handler),
      returned: (messages) => {
        log(`${peerLabel(connection)} returned ${messages.count} messages: ${messages.code}`);
        dispatcher.emit('node_message_returned', { peer: connection, data: messages }, connection, messages);
      },
      unlinked: () => {
        this.#liveness.expect(this.#options.limits.sessionTimeoutMs);
        reconnector.onUnlinked(connection.id);
      },
      suspended: (reason) => this.#onLinkLost(connection, reason),
      resumed: () => {
        NodeConnection.setCloseReason(connection, undefined);
        this.#linkedBy(connection).add(connection);
        log(`connected (${direction}) with ${peerLabel(connection)} again`);
        dispatcher.emit(`${direction}_node_connected`, details, connection);
      },
      closed: (reason, readUnacknowledged) => {
        this.#onClosed(connection, reason, readUnacknowledged);
        ended();
      },
    };
  }

  #onSlow(connection: NodeConnection, { handler, ...details }: SlowHandler): void {
    const { dispatcher, log } = this.#options;
    const connected = `${connection.direction}_node_connected` as const;
    const event = ({ connected, message: 'node_message', request: 'node_request' } as const)[handler];
    const slow: SlowNodeHandler = { event, ...details };
    log(slowText(connection.id, slow));
    dispatcher.emit('node_handler_slow', { peer: connection, data: slow }, connection, slow);
  }

  #replacedBy(instance: string, older: NodeConnection): Goodbye {
    const isSameRun = this.channels.get(older)?.remote.instance === instance;
    return isSameRun ? goodbye('replaced') : goodbye('replaced', byAnotherRun);
  }

  #linkedBy({ direction }: NodeConnection): Set<NodeConnection> {
    return direction === 'inbound' ? this.inbound : this.outbound;
  }

  #onLinkLost(connection: NodeConnection, reason: CloseReason): void {
    const { dispatcher, log } = this.#options;
    NodeConnection.setCloseReason(connection, reason);
    if (!this.#linkedBy(connection).delete(connection)) return;
    log(`disconnected from ${peerLabel(connection)}: ${reason.message}`);
    dispatcher.emit(`${connection.direction}_node_disconnected`, { peer: connection }, connection);
  }

  #onClosed(
    connection: NodeConnection,
    reason: CloseReason,
    readUnacknowledged?: () => readonly Data[] | undefined,
  ): void {
    const { peers, dispatcher, reconnector } = this.#options;
    this.channels.delete(connection);
    if (this.channels.size === 0) this.#liveness.rest();
    this.#endings.delete(connection);
    peers.remove(connection);
    this.#onLinkLost(connection, reason);
    const isConflict = reason.code === 'conflict' && reason.by === 'them';
    if (isConflict)
      dispatcher.warn(inUseElsewhere(connection), `${connection.direction}_node_disconnected`, connection);
    const data = dispatcher.handles('node_session_lost') ? readUnacknowledged?.() : undefined;
    if (data !== undefined) {
      const lost = { count: data.length, data };
      dispatcher.emit('node_session_lost', { peer: connection, data: lost }, connection, lost);
    }
    if (peers.get(connection.id) === undefined) reconnector.onLost(connection.id);
  }

  async #end(connection: NodeConnection, farewell: Goodbye): Promise<void> {
    const ending = this.#endings.get(connection);
    this.channels.get(connection)?.close(farewell);
    await ending;
  }
}

function slowText(id: string, { event, runsMs, waiting, waitingBytes, deliveries }: SlowNodeHandler): string {
  const seconds = Math.round(runsMs / 1_000);
  const what = event === 'node_request' ? 'requests wait for a handler to settle' : 'messages wait behind it';
  const runs =
    event === 'node_request'
      ? `all handlers of ${event} that may run at once for ${id} have been running for ${seconds} s`
      : `a handler of ${event} for ${id} has been running for ${seconds} s`;
  const deadlock =
    deliveries === 0
      ? ''
      : `; it has called deliver() ${deliveries} times for the same node without an answer: if it awaits that, and the other side does the same, both wait for each other`;
  return `${runs}; ${waiting} ${what} (${waitingBytes} bytes)${deadlock}`;
}

function inUseElsewhere({ host, port }: NodeConnection): PeerloomError {
  const address = formatAddress({ scheme: undefined, host, port });
  return new PeerloomError(
    'ERR_IDENTITY_IN_USE',
    `another process with the identity of this node is connected with ${address}: give each process an identity of its own`,
  );
}

/** The rejection was reported; a sender that does not wait learns nothing of it. */
function unlessRejected(receive: () => Handled): Handled {
  try {
    const handled = receive();
    return typeof handled === 'object' ? handled.catch(() => false) : handled;
  } catch {
    return false;
  }
}
