import { portIn, seenFrom } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import type { Log } from '../base/debug.ts';
import type { DecompressionTurns } from '../base/decompression-turns.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { budgetPassed, type MemoryAccount, type MemoryBudget } from '../base/memory-budget.ts';
import { peerLabel } from '../base/peer-label.ts';
import type { Runtime } from '../base/runtime.ts';
import type { Link } from '../transport/transport.ts';
import {
  FrameKind,
  frameHeaderBytes,
  idBody,
  idBytes,
  idOf,
  positionOf,
  smallFrame,
} from '../wire/frames/frame.ts';
import { type Frame, FrameReader } from '../wire/frames/frame-reader.ts';
import { decodeGoodbye, encodeGoodbye, type Goodbye, goodbye } from '../wire/frames/goodbye.ts';
import type { Hello } from '../wire/frames/hello.ts';
import { decodeCredit, Lane } from '../wire/frames/windows.ts';
import type { Payload } from '../wire/payloads/payload.ts';
import type { Channel, ChannelHandler, RemoteNode, SendOptions, SpokenProtocol } from './channel.ts';
import { Ending, lostReason } from './ending.ts';
import type { Handshake } from './handshake.ts';
import { Liveness } from './liveness.ts';
import type { WaitOptions } from './pending.ts';
import { ProtocolFrames } from './protocol-frames.ts';
import { Questions } from './questions.ts';
import { Incoming } from './receive/incoming.ts';
import { Outgoing } from './send/outgoing.ts';
import { letGo } from './send/outgoing-frames.ts';
import { encodeFor, type Receiver } from './send/shared-encoding.ts';
import { readerOfUnacknowledged } from './send/unacknowledged.ts';
import { Session } from './session/session.ts';
import { Suspension } from './session/suspension.ts';
import type { ChannelStream } from './streams/stream.ts';
import { Streams } from './streams/streams.ts';
import { UnreadStreams } from './streams/unread-streams.ts';
import { Trace } from './trace.ts';

export interface FrameChannelOptions {
  readonly limits: Limits;
  readonly budget: MemoryBudget;
  readonly turns: DecompressionTurns;
  readonly runtime: Runtime;
  readonly log: Log;
  /** The log of what goes over the connection. */
  readonly traffic: Log;
  /** What this node speaks beside messages, in the order of its hello. */
  readonly protocols: readonly SpokenProtocol[];
}

/** How long the link may take to send what waits when a connection is closed on purpose. */
const closeFlushMs = 5_000;

/** The same when the other side did something wrong. */
const failFlushMs = 1_000;

/** The conversation with another peerloom node: messages, questions and their answers, pings, goodbye. */
export class FrameChannel implements Channel, MemoryAccount {
  readonly remote: RemoteNode;
  /** Where both sides agreed on one: the link, which outlives those that it is made of. */
  readonly session: Session | undefined;
  readonly #link: Link;
  readonly #theirs: Receiver;
  /** What the other side said last of itself. */
  #theirHello: Hello;
  readonly direction: 'inbound' | 'outbound';
  readonly #reader: FrameReader;
  readonly #outgoing: Outgoing;
  readonly #trace: Trace;
  /** Looked up once for each piece that arrives, not for each message. */
  #isTraced = false;
  readonly #options: FrameChannelOptions;
  readonly #incoming: Incoming;
  /** Made when first used, as an idle connection needs neither. */
  #usedStreams: Streams | undefined;
  #usedQuestions: Questions | undefined;
  /** Of a node that speaks some. */
  readonly #protocols: ProtocolFrames | undefined;

  readonly #liveness: Liveness;
  readonly #ending = new Ending();
  #handler: ChannelHandler | undefined;
  /** What the user has to know of when the session is over. */
  #readUnacknowledged: (() => readonly Data[] | undefined) | undefined;
  readonly #suspension: Suspension;

  constructor(handshake: Handshake, options: FrameChannelOptions) {
    const { ours, theirs, direction } = handshake;
    const { limits, runtime } = options;
    const id = (direction === 'inbound' ? ours : ours.session && theirs)?.session?.id;
    this.session = id === undefined ? undefined : new Session(id, handshake.link, { ...limits, runtime });
    const link = this.session ?? handshake.link;
    this.#link = link;
    this.#theirs = { ...theirs, maxContainers: limits.maxContainers };
    this.#theirHello = theirs;
    this.direction = direction;
    this.#options = options;
    this.#outgoing = new Outgoing({ link, limits, windows: theirs.windows, keeper: this.session });
    this.#reader = new FrameReader(
      (kind, format, compression, body) => this.#onFrame({ kind, format, compression, body }),
      { maxMessageBytes: limits.maxMessageBytes + idBytes },
    );
    this.#reader.takesAtOnce = (format, compression, bytes, start, end) =>
      !this.#isTraced &&
      this.#ending.isOpen &&
      this.#incoming.messages.tryNow(format, compression, bytes, start, end);
    this.remote = {
      id: link.remoteId,
      name: theirs.name,
      address: link.remoteAddress,
      listeningPort: portIn(theirs.addresses),
      addresses: seenFrom(theirs.addresses, link.remoteAddress.host),
      instance: theirs.instance,
      security: link.security,
      limitsByAddress: link.limitsByAddress ?? true,
    };
    this.#trace = this.#outgoing.trace = new Trace(options.traffic, this.remote);
    this.#incoming = new Incoming({
      link,
      limits,
      runtime,
      windows: ours.windows,
      grant: (lane, position) => this.#outgoing.credit(lane, position),
      turns: options.turns,
      respond: (id, data) => this.#answer(FrameKind.response, this.#encode(data), id),
      answer: (kind, payload, id) => this.#answer(kind, payload, id),
      isAwaited: (answer) => this.#usedQuestions?.isAwaited(answer) === true,
      onAnswer: (answer, decoded) => this.#questions.conclude(answer, decoded),
      onStream: (frame, handler) => this.#streams.offer(frame, handler),
      deliveriesSince: (beganAtMs) => this.#usedQuestions?.deliveriesSince(beganAtMs) ?? 0,
      onAbuse: (error) => this.#fail(goodbye('protocol', error.message)),
      onFailure: (error) => this.#fail(goodbye('protocol', messageOf(error))),
    });
    if (options.protocols.length > 0) {
      this.#protocols = new ProtocolFrames({
        ours,
        theirs,
        spoken: options.protocols,
        maxBodyBytes: limits.maxMessageBytes,
        grant: (position) => this.#outgoing.credit(Lane.protocols, position),
        send: (kind, payload) => this.#outgoing.send(kind, payload),
        breaks: () => this.session?.breaks ?? 0,
      });
    }
    this.#liveness = new Liveness(limits, runtime.now());
    this.#suspension = new Suspension({
      runtime,
      incoming: this.#incoming,
      isSuspended: () => this.isSuspended,
      handler: () => this.#handler,
    });
    const { grew } = options.budget;
    this.#reader.onGrowth = this.#outgoing.onGrowth = grew;
    this.#incoming.onGrowth = grew;
    if (this.session !== undefined) {
      this.session.onGrowth = grew;
      this.#useSession(this.session);
    }
    link.onMessage = (bytes) => this.#onBytes(bytes);
    link.readTarget = () => this.#reader.target;
    void link.closed.then((error) => this.#onLinkClosed(error));
    for (const bytes of handshake.takeRest()) handshake.link.onMessage(bytes);
  }

  get isOpen(): boolean {
    return this.#ending.isOpen;
  }

  get heldBytes(): number {
    const read = this.#reader.heldBytes + this.#incoming.heldBytes + (this.#protocols?.heldBytes ?? 0);
    const sent = this.#outgoing.heldBytes + (this.session?.heldBytes ?? 0);
    return read + sent + (this.#usedStreams?.heldBytes ?? 0);
  }

  /** What a session keeps goes to its user, or is dropped, without waiting for a handler that runs. */
  shed(): void {
    this.#incoming.clear();
    this.#ending.hurry();
    this.#fail(goodbye('overload', budgetPassed));
    this.session?.abandon();
    if (this.#ending.isClosed) this.#report();
  }

  get isSuspended(): boolean {
    return this.isOpen && this.session?.isSuspended === true;
  }

  start(handler: ChannelHandler): void {
    this.#handler = handler;
    this.#options.budget.open(this);
    this.#incoming.start(handler);
    this.#protocols?.start(handler);
    if (this.#ending.isClosed) this.#report();
  }

  send(data: Data, options?: SendOptions): boolean {
    this.#checkOpen();
    return this.#outgoing.send(FrameKind.message, this.#encode(data, options));
  }

  drained(): Promise<void> {
    return this.#outgoing.drained();
  }

  deliver(data: Data, options?: WaitOptions): Promise<void> {
    this.#checkOpen();
    return this.#questions.deliver(data, options);
  }

  request(data: Data, options?: WaitOptions): Promise<Data> {
    this.#checkOpen();
    return this.#questions.request(data, options);
  }

  openStream(header: Data, options?: WaitOptions): Promise<ChannelStream> {
    this.#checkOpen();
    return this.#streams.open(header, options);
  }

  sendProtocol(name: string, bytes: Uint8Array): boolean {
    if (bytes.length > this.#theirs.maxMessageBytes) {
      throw new PeerloomError(
        'ERR_MESSAGE_TOO_LARGE',
        `a frame of protocol ${name} has ${bytes.length} bytes; the other side takes at most ${this.#theirs.maxMessageBytes}`,
      );
    }
    return this.#protocols?.send(name, bytes) === true;
  }

  async ping(options?: WaitOptions): Promise<number> {
    this.#checkOpen();
    return this.#questions.ping(options);
  }

  checkLiveness(now: number, isSought = false): number {
    if (this.isOpen && !this.isSuspended) this.#checkSilence(now);
    if (this.isOpen && this.isSuspended) return this.#checkSuspension(now, isSought);
    return this.isOpen ? this.#liveness.dueAt : Number.POSITIVE_INFINITY;
  }

  /** @returns when to check again. */
  #checkSuspension(now: number, isSought: boolean): number {
    const { pingAfterMs, sessionTimeoutMs } = this.#options.limits;
    const endsAt = isSought ? Number.POSITIVE_INFINITY : this.#suspension.beganAtMs + sessionTimeoutMs;
    // Another link may take the lost one's place at any time, and may fall silent at once.
    if (now < endsAt) return Math.min(endsAt, now + pingAfterMs);
    this.giveUp(`the other side did not come back within ${sessionTimeoutMs} ms (limits.sessionTimeoutMs)`);
    return Number.POSITIVE_INFINITY;
  }

  #checkSilence(now: number): void {
    const { limits } = this.#options;
    const due = this.#liveness.check(now, !this.#incoming.isPaused);
    if (due === 'ping') {
      this.#outgoing.urgent(FrameKind.ping, idBody(0));
    } else if (due === 'end') {
      const message = `the other side was silent for ${limits.deadAfterMs} ms (limits.deadAfterMs)`;
      if (this.session === undefined) this.#fail(goodbye('timeout', message));
      else this.session.suspend(new PeerloomError('ERR_TIMEOUT', message));
    }
  }

  close(farewell: Goodbye): void {
    if (this.#ending.choose(farewell)) this.#incoming.clear();
    if (this.#ending.isClosed) this.#report();
    if (!this.isOpen) return;
    this.#ending.begin({ ...farewell, by: 'us' });
    this.#endConversations('kept');
    const outgoing = this.#outgoing;
    const link = this.#link;
    if (this.session?.isSuspended) {
      this.#closeOutgoing();
      return void link.destroy();
    }
    outgoing.sendLast(FrameKind.goodbye, encodeGoodbye(farewell));
    const deadline = this.#options.runtime.setTimeout(() => link.destroy(), closeFlushMs);
    void outgoing.flushed().then(() => link.close(closeFlushMs));
    void link.closed.then(() => deadline.cancel());
  }

  /**
   * Goes on with the session over another link.
   *
   * @throws PeerloomError `ERR_PROTOCOL` when the sides do not agree where; the session is over if they never can.
   */
  resumeOver({ link, ours, theirs, takeRest }: Handshake): void {
    const { receivedBytes } = theirs.session!;
    if (!this.session!.canResumeAt(receivedBytes))
      this.giveUp('the other side cannot resume the session: it lost what it had received');
    this.#theirHello = theirs;
    this.session!.resumeOver(link, ours.session!, receivedBytes, takeRest());
  }

  giveUp(message: string): void {
    if (this.isSuspended) this.#fail(goodbye('timeout', message));
  }

  get #streams(): Streams {
    if (this.#usedStreams === undefined) {
      const { limits, runtime, budget } = this.#options;
      this.#usedStreams = new Streams({
        direction: this.direction,
        theirs: this.#theirHello,
        limits,
        runtime,
        outgoing: this.#outgoing,
        trace: this.#trace,
      });
      this.#usedStreams.onGrowth = budget.grew;
    }
    return this.#usedStreams;
  }

  get #questions(): Questions {
    this.#usedQuestions ??= new Questions({
      outgoing: this.#outgoing,
      runtime: this.#options.runtime,
      encode: (data) => this.#encode(data),
      read: (answer) => this.#incoming.readAnswer(answer),
    });
    return this.#usedQuestions;
  }

  #useSession(session: Session): void {
    const reader = this.#reader;
    session.user = {
      get readBytes() {
        return reader.readBytes;
      },
      get wholeBytes() {
        return reader.wholeBytes;
      },
      overflowed: () => this.#fail(goodbye('overload')),
      acknowledged: () => this.#outgoing.wake(),
      suspended: (error) => {
        reader.forgetUncounted();
        this.#protocols?.unlinked();
        this.#suspension.begin(error);
      },
      resumed: () => {
        this.#liveness.heard(this.#options.runtime.now());
        this.#suspension.end();
        this.#protocols?.relinked(this.#theirHello);
      },
    };
  }

  #checkOpen(): void {
    if (this.isOpen) return;
    throw new PeerloomError(
      'ERR_CONNECTION_CLOSED',
      `the connection with ${peerLabel(this.remote)} is closed: connect again`,
    );
  }

  #encode(data: Data, options?: SendOptions): Payload {
    return encodeFor(this.#theirs, data, options);
  }

  /** Whatever the other side did wrong ends this connection, and nothing else. */
  #onBytes(bytes: Uint8Array): void {
    const now = this.#options.runtime.now();
    this.#isTraced = this.#trace.enabled;
    this.#liveness.heard(now);
    this.#incoming.decoder.ownMemory.beginArrival(now);
    try {
      this.#reader.push(bytes);
    } catch (error) {
      this.#fail(goodbye('protocol', messageOf(error)));
    } finally {
      this.#incoming.decoder.ownMemory.endArrival();
    }
  }

  #onFrame(frame: Frame): void {
    const { kind, body } = frame;
    if (this.#isTraced) this.#trace.received(frame);
    switch (kind) {
      case FrameKind.message:
      case FrameKind.deliver:
      case FrameKind.request:
        if (this.isOpen) this.#incoming.offer(frame);
        else this.#incoming.drop(frame);
        break;
      case FrameKind.streamOpen:
        if (this.isOpen && this.#streams.onOpen(frame)) this.#incoming.offerStream(frame);
        break;
      case FrameKind.streamData:
      case FrameKind.streamCredit:
      case FrameKind.streamEnd:
      case FrameKind.streamAbort:
        this.#streams.onFrame(frame);
        break;
      case FrameKind.delivered:
      case FrameKind.response:
      case FrameKind.failure:
        this.#questions.onAnswer(frame);
        break;
      case FrameKind.protocol:
        if (this.#protocols === undefined) throw misplaced(kind);
        this.#protocols.onFrame(frame);
        break;
      case FrameKind.ping:
        this.#onPing(idOf(kind, body));
        break;
      case FrameKind.pong:
        this.#questions.onPong(frame);
        break;
      case FrameKind.credit: {
        const { lane, position } = decodeCredit(body);
        this.#outgoing.onCredit(lane, position);
        break;
      }
      case FrameKind.acknowledge:
        if (this.session === undefined) throw misplaced(kind);
        this.session.onAcknowledged(positionOf(body), frameHeaderBytes + body.length);
        break;
      case FrameKind.goodbye:
        this.#onGoodbye(decodeGoodbye(body));
        break;
      default:
        throw misplaced(kind);
    }
  }

  #onPing(id: number): void {
    const isRead = this.#outgoing.urgent(FrameKind.pong, idBody(id));
    if (!isRead) this.#fail(goodbye('overload'));
  }

  #answer(kind: number, payload: Payload, id: number): void {
    if (!this.isOpen) return;
    try {
      this.#outgoing.sendFreely(kind, payload, id);
    } catch {
      this.#fail(goodbye('overload'));
    }
  }

  #onGoodbye(farewell: Goodbye): void {
    if (!this.isOpen) return;
    this.#ending.begin({ ...farewell, by: 'them' });
    this.#endConversations('kept');
    this.#reader.stop();
    this.#closeOutgoing();
    this.#link.close(closeFlushMs);
  }

  /** Tells the other side why, as far as it still listens, and lets go of it. */
  #fail(farewell: Goodbye): void {
    if (this.#ending.isClosed) return;
    this.#options.log(`closing the connection with ${peerLabel(this.remote)}: ${farewell.message}`);
    this.#ending.begin({ ...farewell, by: 'us' });
    this.#endConversations(farewell.code === 'overload' ? 'dropped' : 'kept');
    this.#reader.stop();
    this.#closeOutgoing();
    // Who breaks the protocol is not listened to any longer.
    if (farewell.code === 'protocol') this.#incoming.clear();
    const isHeard = farewell.code !== 'timeout';
    if (isHeard) this.#link.send(smallFrame(FrameKind.goodbye, encodeGoodbye(farewell)));
    this.#link.close(isHeard ? failFlushMs : 0);
  }

  #endConversations(unread: 'kept' | 'dropped'): void {
    this.#protocols?.close();
    const left = this.#usedStreams?.close(() => this.#closedError(), unread) ?? [];
    if (left.length === 0) return;
    const { budget } = this.#options;
    budget.open(new UnreadStreams(left, { budget, dropped: () => this.#closedError(budgetPassed) }));
  }

  #closeOutgoing(): void {
    for (const piece of this.#outgoing.takeWaiting()) {
      this.session?.keepUnsent(piece.bytes, piece.shared);
      letGo(piece);
    }
    this.#outgoing.close();
  }

  #onLinkClosed(error: Error | undefined): void {
    this.#ending.complete(lostReason(error));
    this.#reader.stop();
    this.#closeOutgoing();
    if (this.session !== undefined) {
      this.#readUnacknowledged = readerOfUnacknowledged({
        session: this.session,
        awaited: this.#usedQuestions?.awaited() ?? new Set(),
        maxMessageBytes: this.#theirs.maxMessageBytes,
        ending: this.#ending,
      });
    }
    this.#incoming.end();
    this.#endConversations('kept');
    this.#usedQuestions?.end(() => this.#closedError(), this.#incoming.answersRead());
    this.#report();
  }

  #closedError(reason = this.#ending.reason.message): PeerloomError {
    const message = `the connection with ${peerLabel(this.remote)} closed: ${reason}`;
    return new PeerloomError('ERR_CONNECTION_CLOSED', message);
  }

  /** A channel that was refused before it started has nobody to report to. */
  #report(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    this.#ending.report(this.#incoming, () => {
      this.#options.budget.close(this);
      this.#incoming.close();
      const readUnacknowledged = this.#readUnacknowledged;
      this.#readUnacknowledged = undefined;
      handler.closed(this.#ending.reason, readUnacknowledged);
      this.session?.forget();
    });
  }
}

function misplaced(kind: number): PeerloomError {
  return new PeerloomError('ERR_PROTOCOL', `a frame of kind ${kind} is not allowed here`);
}
