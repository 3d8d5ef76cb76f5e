import type { Dispatcher } from '../api/dispatcher.ts';
import type { SlowNodeHandler } from '../api/events.ts';
import { NodeConnection } from '../api/node-connection.ts';
import { PeerStream } from '../api/peer-stream.ts';
import type { TypedHandlers } from '../api/typed-handlers.ts';
import type { Data } from '../base/data.ts';
import type { Log } from '../base/debug.ts';
import type { LateSet } from '../base/late-collections.ts';
import type { Limits } from '../base/limits.ts';
import type { Meter } from '../base/meter.ts';
import { peerLabel } from '../base/peer-label.ts';
import type { WaitedHandlers } from '../base/waited-handlers.ts';
import { Waiters } from '../base/waiters.ts';
import type {
  Channel,
  ChannelHandler,
  CloseReason,
  Handled,
  ReturnedMessages,
  SlowHandler,
} from '../channel/channel.ts';
import type { ChannelStream } from '../channel/streams/stream.ts';
import type { Security } from '../transport/security.ts';
import type { Goodbye } from '../wire/frames/goodbye.ts';
import { inUseElsewhere, slowText } from './connection-warnings.ts';
import type { LivenessWatch } from './liveness-watch.ts';
import type { Peer } from './peer.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { Peers } from './peers.ts';
import type { Reconnector } from './reconnector.ts';

/** Events of the protocols that a node speaks beside messages. */
export interface ProtocolEvents {
  opened(name: string, connection: NodeConnection, channel: Channel): void;
  /** @returns a promise, which never rejects, if the protocol has not finished with the bytes yet. */
  received(name: string, connection: NodeConnection, bytes: Uint8Array): Promise<void> | undefined;
  closed(name: string, connection: NodeConnection): void;
  /** The link of a session broke, and another one may take its place. */
  unlinked(connection: NodeConnection): void;
}

/** The objects that all connections of a node share. */
export interface ConnectionContext {
  readonly peers: Peers;
  readonly dispatcher: Dispatcher;
  readonly typedHandlers: TypedHandlers;
  /**
   * Handles messages that are not for the user; returns `undefined` for others. If it throws, the message is rejected.
   */
  readonly takeMessage: ((connection: NodeConnection, data: Data) => Handled | undefined) | undefined;
  /** Handles streams that are not for the user. Returns `undefined` if there is no handler. */
  readonly takeStream: (stream: PeerStream) => Handled | undefined | 'not taken';
  readonly protocols: ProtocolEvents;
  readonly reconnector: Reconnector;
  readonly liveness: LivenessWatch;
  readonly waitedHandlers: WaitedHandlers;
  readonly meter: Meter;
  readonly limits: Limits;
  readonly log: Log;
}

/** A connection from its channel to its last event. It reports the connection's events to the user. */
export class LiveConnection implements PeerConnection, ChannelHandler {
  readonly connection: NodeConnection;
  readonly channel: Channel;
  isLeaving = false;
  isTakingLeave = false;
  readonly #peer: Peer;
  readonly #context: ConnectionContext;
  #disconnected: Promise<void> | undefined;
  #isEnded = false;
  /** Callers that wait for the last event. Created for the first of them. */
  #waiters: Waiters | undefined;

  constructor(peer: Peer, connection: NodeConnection, channel: Channel, context: ConnectionContext) {
    this.#peer = peer;
    this.connection = connection;
    this.channel = channel;
    this.#context = context;
  }

  get ended(): Promise<void> {
    if (this.#isEnded) return Promise.resolve();
    this.#waiters ??= new Waiters();
    return this.#waiters.wait();
  }

  get direction(): 'inbound' | 'outbound' {
    return this.channel.direction;
  }

  get security(): Security {
    return this.channel.remote.security;
  }

  get instance(): string {
    return this.channel.remote.instance;
  }

  disconnect(farewell: Goodbye): Promise<void> {
    if (this.#disconnected !== undefined) return this.#disconnected;
    const { isOpen, isSuspended } = this.channel;
    if (!isOpen || isSuspended || this.direction === 'inbound') return this.close(farewell);
    const { dispatcher, waitedHandlers } = this.#context;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#disconnected = promise;
    this.isTakingLeave = true;
    const { connection } = this;
    const handled = waitedHandlers.run(() =>
      dispatcher.emit('node_disconnect_with_outbound_node', connection),
    );
    const end = (): Promise<void> => {
      this.isTakingLeave = false;
      return this.close(farewell);
    };
    resolve(handled.then(end));
    return promise;
  }

  async close(farewell: Goodbye): Promise<void> {
    this.channel.close(farewell);
    await this.ended;
  }

  /** Starts to report. */
  start(): void {
    this.#linkedOnes.add(this.connection);
    this.channel.start(this);
  }

  connected(): Handled {
    const { connection, direction } = this;
    return this.#context.dispatcher.emit(`${direction}_node_connected`, connection);
  }

  message(data: Data, text?: string): Handled {
    const { meter, typedHandlers, takeMessage, dispatcher } = this.#context;
    const { connection } = this;
    meter.received += 1;
    if (takeMessage !== undefined) {
      const taken = this.#take(data, takeMessage);
      if (taken !== undefined) return taken;
    }
    const typed = typedHandlers.ofMessage(data, connection);
    return typed === undefined
      ? dispatcher.emitMessage(connection, data, text)
      : unlessRejected(() => typedHandlers.receive(typed, this.#arrivalOf(data)));
  }

  delivery(data: Data): ReturnType<ChannelHandler['delivery']> {
    const { meter, typedHandlers, dispatcher } = this.#context;
    const { connection } = this;
    meter.received += 1;
    const typed = typedHandlers.ofMessage(data, connection);
    if (typed !== undefined) return typedHandlers.receive(typed, this.#arrivalOf(data));
    return dispatcher.handles('node_message') ? dispatcher.emitMessage(connection, data) : undefined;
  }

  request(data: Data): ReturnType<ChannelHandler['request']> {
    const { meter, typedHandlers, dispatcher } = this.#context;
    const { connection } = this;
    meter.received += 1;
    const typed = typedHandlers.ofRequest(data, connection);
    const answer =
      typed === undefined
        ? dispatcher.respond(connection, data)
        : typedHandlers.answer(typed, this.#arrivalOf(data));
    return answer as ReturnType<ChannelHandler['request']>;
  }

  stream(header: Data, channelStream: ChannelStream): Handled | undefined {
    const { dispatcher, takeStream } = this.#context;
    const { connection } = this;
    const stream = new PeerStream(connection, header, channelStream);
    const taken = takeStream(stream);
    if (taken !== 'not taken') return taken;
    if (!dispatcher.handles('node_stream')) return undefined;
    return dispatcher.emit('node_stream', connection, stream, header);
  }

  protocolOpened(name: string): void {
    this.#context.protocols.opened(name, this.connection, this.channel);
  }

  protocol(name: string, bytes: Uint8Array): Promise<void> | undefined {
    return this.#context.protocols.received(name, this.connection, bytes);
  }

  protocolClosed(name: string): void {
    this.#context.protocols.closed(name, this.connection);
  }

  unanswerable(error: unknown): void {
    this.#context.dispatcher.failed(error, 'node_request', this.connection);
  }

  unsendable(error: Error): void {
    this.#context.dispatcher.warn(error, 'node_error', this.connection);
  }

  rejected(error: Error): void {
    const { meter, log, dispatcher } = this.#context;
    const { connection } = this;
    meter.rejected.add(error);
    log(`rejected a message of ${peerLabel(connection)}: ${error.message}`);
    dispatcher.emit('node_message_rejected', connection, error);
  }

  slow({ handler, ...details }: SlowHandler): void {
    const { dispatcher, log } = this.#context;
    const { connection } = this;
    const connected = `${this.direction}_node_connected` as const;
    const event = ({ connected, message: 'node_message', request: 'node_request' } as const)[handler];
    const slow: SlowNodeHandler = { event, ...details };
    log(slowText(connection.id, slow));
    dispatcher.emit('node_handler_slow', connection, slow);
  }

  returned(messages: ReturnedMessages): void {
    const { dispatcher, log } = this.#context;
    const { connection } = this;
    log(`${peerLabel(connection)} returned ${messages.count} messages: ${messages.code}`);
    dispatcher.emit('node_message_returned', connection, messages);
  }

  unlinked(): void {
    const { liveness, limits, reconnector, protocols } = this.#context;
    protocols.unlinked(this.connection);
    liveness.expect(limits.sessionTimeoutMs);
    reconnector.onUnlinked(this.#peer);
  }

  suspended(reason: CloseReason): void {
    const { dispatcher, log } = this.#context;
    const { connection, direction } = this;
    NodeConnection.setCloseReason(connection, reason);
    if (!this.#linkedOnes.delete(connection)) return;
    log(`disconnected from ${peerLabel(connection)}: ${reason.message}`);
    dispatcher.emit(`${direction}_node_disconnected`, connection);
  }

  resumed(): void {
    const { connection, direction } = this;
    NodeConnection.setCloseReason(connection, undefined);
    this.#linkedOnes.add(connection);
    this.#context.log(`connected (${direction}) with ${peerLabel(connection)} again`);
    this.connected();
  }

  closed(reason: CloseReason, readUnacknowledged?: () => readonly Data[] | undefined): void {
    const { peers, liveness, dispatcher, reconnector, meter } = this.#context;
    const { connection } = this;
    const peer = this.#peer;
    peers.connections.delete(connection);
    peers.failures.ended(connection, reason);
    meter.addEnded(this.channel.metrics());
    if (peers.connections.size === 0) liveness.rest();
    peer.remove(this);
    this.suspended(reason);
    const isConflict = reason.code === 'conflict' && reason.by === 'them';
    if (isConflict)
      dispatcher.warn(inUseElsewhere(connection), `${this.direction}_node_disconnected`, connection);
    const data = dispatcher.handles('node_session_lost') ? readUnacknowledged?.() : undefined;
    if (data !== undefined) {
      const lost = { count: data.length, data };
      dispatcher.emit('node_session_lost', connection, lost);
    }
    if (peer.state === 'absent') reconnector.onLost(peer);
    peers.release(peer);
    this.#isEnded = true;
    this.#waiters?.wake();
  }

  get #linkedOnes(): LateSet<NodeConnection> {
    const { inbound, outbound } = this.#context.peers;
    return this.direction === 'inbound' ? inbound : outbound;
  }

  #take(data: Data, takeMessage: NonNullable<ConnectionContext['takeMessage']>): Handled | undefined {
    try {
      return takeMessage(this.connection, data);
    } catch (error) {
      this.rejected(error as Error);
      return false;
    }
  }

  #arrivalOf(data: Data) {
    return { peer: this.connection, data, reject: (error: Error) => this.rejected(error) };
  }
}

/** Runs handlers of a message whose sender does not wait for them, and so does not learn of a rejection. */
function unlessRejected(receive: () => Handled): Handled {
  try {
    const handled = receive();
    return typeof handled === 'object' ? handled.catch(() => false) : handled;
  } catch {
    return false;
  }
}
