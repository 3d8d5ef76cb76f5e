import { portIn, seenFrom } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import type { Log } from '../base/debug.ts';
import type { DecompressionTurns } from '../base/decompression-turns.ts';
import type { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import type { Runtime } from '../base/runtime.ts';
import { sharedList } from '../base/shared-list.ts';
import { asDataLink, type DataLink, type DataReceiver } from '../transport/data-link.ts';
import type { Link } from '../transport/transport.ts';
import { FrameKind, frameHeaderBytes, idBytes } from '../wire/frames/frame.ts';
import { type Frame, FrameReader } from '../wire/frames/frame-reader.ts';
import { goodbye } from '../wire/frames/goodbye.ts';
import type { Hello } from '../wire/frames/hello.ts';
import type { Windows } from '../wire/frames/windows.ts';
import { Calls, type CallsHost } from './calls.ts';
import type { ChannelHandler, RemoteNode, SendOptions, SpokenProtocol } from './channel.ts';
import { Closing, type ClosingHost } from './closing.ts';
import type { Handshake } from './handshake.ts';
import { Liveness } from './liveness.ts';
import { ProtocolFrames } from './protocol-frames.ts';
import { Incoming, type IncomingHost } from './receive/incoming.ts';
import type { Decoded } from './receive/payload-reader.ts';
import { type FrameReceivers, routeFrame } from './route-frame.ts';
import type { OutgoingPayload } from './send/cut-message.ts';
import { handedOver, placeholderBytes, placeholderOf } from './send/handed-over.ts';
import { Outgoing } from './send/outgoing.ts';
import { encodeFor, isPlainSend, type Receiver } from './send/shared-encoding.ts';
import { Session } from './session/session.ts';
import { Suspension, type SuspensionHost } from './session/suspension.ts';
import { Streams } from './streams/streams.ts';
import { Trace } from './trace.ts';

/** The objects that all channels of a node share. */
export interface ConversationOptions {
  readonly limits: Limits;
  readonly budget: MemoryBudget;
  readonly turns: DecompressionTurns;
  readonly runtime: Runtime;
  readonly log: Log;
  /** The log of what goes over the connection. */
  readonly traffic: Log;
  /** The protocols that this node speaks beside messages, in the order of its hello. */
  readonly protocols: readonly SpokenProtocol[];
}

/**
 * A conversation with another peerloom node. It owns the parts below and passes each arriving frame to the right part.
 * Parts that an idle connection does not need are created when they are first used.
 *
 *    link ──► reader ──► incoming, calls, streams, protocols ──► outgoing ──► link
 *                 └────► closing
 */
export class Conversation
  implements IncomingHost, CallsHost, ClosingHost, DataReceiver, FrameReceivers, SuspensionHost
{
  readonly direction: 'inbound' | 'outbound';
  readonly remote: RemoteNode;
  readonly link: Link;
  /** Set if both sides agreed on a session. The session is then also the link of this conversation. */
  readonly session: Session | undefined;
  /** Bytes that arrived since the handshake. */
  receivedBytes = 0;
  /** Set if the link carries data without encoding it, as simulated links without a session do. */
  readonly dataLink: DataLink | undefined;
  /** Compressions and sizes that the other side accepts. */
  readonly receiver: Receiver;
  readonly windows: Windows;
  readonly options: ConversationOptions;
  readonly reader: FrameReader;
  readonly outgoing: Outgoing;
  readonly incoming: Incoming;
  readonly liveness: Liveness;
  readonly closing: Closing;
  /** Set if this node speaks protocols beside messages. */
  readonly protocols: ProtocolFrames | undefined;
  /** Set if there is a session. */
  readonly suspension: Suspension | undefined;
  handler: ChannelHandler | undefined;
  /** Whether neither side has said goodbye, and the link, or session, has not ended. {@link Closing} sets it. */
  isOpen = true;
  usedStreams: Streams | undefined;
  usedCalls: Calls | undefined;
  readonly #trace: Trace;
  /** Updated once for each piece of bytes that arrives, not for each message. */
  #isTraced = false;

  constructor({ ours, theirs, direction, end, takeRest }: Handshake, options: ConversationOptions) {
    const { limits, runtime, budget, protocols } = options;
    const id = (direction === 'inbound' ? ours : ours.session && theirs)?.session?.id;
    if (id !== undefined) {
      const [canMove, isBrief] = [bothSay('moves', ours, theirs), bothSay('brief', ours, theirs)];
      this.session = new Session(id, end, { ...limits, runtime, canMove, isBrief });
    }
    const { link } = end;
    this.link = this.session ?? link;
    this.direction = direction;
    this.options = options;
    const { maxMessageBytes } = theirs;
    // Nodes of one program accept the same compressions, so they can share the list.
    const compressions = sharedList(ours.compressions, theirs.compressions);
    this.receiver = { maxMessageBytes, compressions, maxContainers: limits.maxContainers };
    if (maxMessageBytes >= placeholderBytes && limits.maxContainers >= placeholderBytes) {
      this.dataLink = asDataLink(this.link);
    }
    this.windows = ours.windows;
    this.remote = remoteOf(this.link, ours, theirs);
    this.outgoing = new Outgoing({
      link: this.link,
      limits,
      windows: theirs.windows,
      keeper: this.session,
    });
    this.#trace = this.outgoing.trace = new Trace(options.traffic, this.remote);
    this.reader = new FrameReader(
      (kind, format, compression, body) => this.#onFrame({ kind, format, compression, body }),
      { maxMessageBytes: limits.maxMessageBytes + idBytes },
    );
    this.reader.takesAtOnce = (kind, format, compression, bytes, start, end) =>
      compression === 0 && this.#takesAtOnce(kind, format, bytes, start, end);
    this.incoming = new Incoming(this);
    this.liveness = new Liveness(limits, runtime.now());
    this.closing = new Closing(this);
    if (protocols.length > 0) this.protocols = new ProtocolFrames(this, ours, theirs);
    this.reader.onGrowth = this.outgoing.onGrowth = this.incoming.onGrowth = budget.grew;
    if (this.session !== undefined) {
      this.session.onGrowth = budget.grew;
      this.session.user = this.suspension = new Suspension(this);
    }
    this.link.onMessage = (bytes) => this.#onBytes(bytes);
    this.link.readTarget = () => this.reader.target;
    const onEnd = (error: Error | undefined): void => this.closing.onLinkClosed(error);
    if (this.session === undefined) end.own(onEnd);
    else void this.session.closed.then(onEnd);
    for (const bytes of takeRest()) link.onMessage(bytes);
    const arriving = asDataLink(this.link);
    if (arriving !== undefined) arriving.dataReceiver = this;
  }

  get limits(): Limits {
    return this.options.limits;
  }

  get runtime(): Runtime {
    return this.options.runtime;
  }

  get turns(): DecompressionTurns {
    return this.options.turns;
  }

  get granter(): Outgoing {
    return this.outgoing;
  }

  get isSuspended(): boolean {
    return this.isOpen && this.session?.isSuspended === true;
  }

  get heldBytes(): number {
    const read = this.reader.heldBytes + this.incoming.heldBytes + (this.protocols?.heldBytes ?? 0);
    const sent = this.outgoing.heldBytes + (this.session?.heldBytes ?? 0);
    return read + sent + (this.usedStreams?.heldBytes ?? 0);
  }

  get streams(): Streams {
    if (this.usedStreams === undefined) {
      this.usedStreams = new Streams({
        direction: this.direction,
        theirs: this.receiver,
        limits: this.limits,
        runtime: this.runtime,
        outgoing: this.outgoing,
        trace: this.#trace,
      });
      this.usedStreams.onGrowth = this.options.budget.grew;
    }
    return this.usedStreams;
  }

  get calls(): Calls {
    this.usedCalls ??= new Calls(this);
    return this.usedCalls;
  }

  /** Starts to report what arrives. */
  start(handler: ChannelHandler): void {
    this.handler = handler;
    this.options.budget.open(this);
    this.incoming.start(handler);
    this.protocols?.start(handler);
    if (this.closing.isClosed) this.closing.report();
  }

  shed(): void {
    this.closing.shed();
  }

  /** Resumes the session over another link. @throws PeerloomError `ERR_PROTOCOL`. */
  resumeOver({ end, ours, theirs, takeRest }: Handshake): void {
    this.suspension!.theirBreaks = theirs.session!.breaks;
    this.session!.resumeOver(end, ours.session!, theirs.session!.receivedBytes, takeRest());
  }

  /** Moves the session to another link, beside the present one. @throws PeerloomError `ERR_PROTOCOL`. */
  moveTo({ end, takeRest }: Handshake): void {
    this.session!.moveTo(end, takeRest());
  }

  encode(data: Data, options?: SendOptions): OutgoingPayload {
    return encodeFor(this.receiver, data, options);
  }

  /**
   * Sends a message without encoding it, if the receiver would see no difference.
   *
   * @returns false if the message has to be sent as a frame.
   */
  handOver(data: Data, options: SendOptions | undefined): boolean {
    if (options !== undefined && !isPlainSend(options)) return false;
    const copy = handedOver(data);
    if (copy === undefined || this.options.traffic.enabled || !this.outgoing.mayPass(copy.bytes))
      return false;
    this.dataLink!.sendData(copy.data, copy.bytes);
    return true;
  }

  respond(id: number, data: Data): void {
    this.answer(FrameKind.response, this.encode(data), id);
  }

  answer(kind: number, payload: OutgoingPayload, id: number): void {
    if (!this.isOpen) return;
    try {
      this.outgoing.sendFreely(kind, payload, id);
    } catch {
      this.closing.fail(goodbye('overload'));
    }
  }

  readAnswer(answer: Frame): void {
    this.incoming.readAnswer(answer);
  }

  isAwaited(answer: Frame): boolean {
    return this.usedCalls?.isAwaited(answer) === true;
  }

  onAnswer(answer: Frame, decoded: Decoded | undefined): void {
    this.calls.conclude(answer, decoded);
  }

  onStream(frame: Frame, handler: ChannelHandler): void {
    this.streams.offer(frame, handler);
  }

  deliveriesSince(beganAtMs: number): number {
    return this.usedCalls?.deliveriesSince(beganAtMs) ?? 0;
  }

  onAbuse(error: PeerloomError): void {
    this.onFailure(error);
  }

  onFailure(error: unknown): void {
    this.closing.fail(goodbye('protocol', messageOf(error)));
  }

  /** If the other side violates the protocol, this connection ends. Nothing else is affected. */
  #onBytes(bytes: Uint8Array): void {
    const now = this.options.runtime.now();
    const { ownMemory } = this.incoming.payloads;
    this.#isTraced = this.#trace.enabled;
    this.liveness.heard(now);
    this.receivedBytes += bytes.length;
    ownMemory.beginArrival(now);
    try {
      this.reader.push(bytes);
    } catch (error) {
      this.onFailure(error);
    } finally {
      ownMemory.endArrival();
    }
  }

  /** Handles a message that arrived as data. If it has to wait, it is turned into a frame. */
  receiveData(data: Data, bytes: number): void {
    this.receivedBytes += frameHeaderBytes + bytes;
    this.liveness.heard(this.options.runtime.now());
    try {
      if (this.isOpen && this.incoming.messages.tryData(data, bytes)) return;
      this.#onFrame({ kind: FrameKind.message, format: 0, compression: 0, body: placeholderOf(bytes), data });
    } catch (error) {
      this.onFailure(error);
    }
  }

  /** Handles common frames that need not wait. All others go to {@link Conversation.#onFrame}. */
  #takesAtOnce(kind: number, format: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#isTraced || !this.isOpen) return false;
    const { incoming } = this;
    switch (kind) {
      case FrameKind.message:
        return incoming.messages.tryNow(format, bytes, start, end);
      case FrameKind.request:
        return incoming.requests.tryNow(format, bytes, start, end);
      case FrameKind.response:
        return this.calls.tryNow(incoming.payloads, format, bytes, start, end);
      default:
        return false;
    }
  }

  #onFrame(frame: Frame): void {
    if (this.#isTraced) this.#trace.received(frame);
    routeFrame(frame, this);
  }
}

function bothSay(what: 'moves' | 'brief', ours: Hello, theirs: Hello): boolean {
  return ours.session?.[what] === true && theirs.session?.[what] === true;
}

function remoteOf(link: Link, ours: Hello, theirs: Hello): RemoteNode {
  const membership = ours.membership &&
    theirs.membership && { ours: ours.membership, theirs: theirs.membership };
  return {
    id: link.remoteId,
    name: theirs.name,
    address: link.remoteAddress,
    listeningPort: portIn(theirs.addresses),
    addresses: seenFrom(theirs.addresses, link.remoteAddress.host),
    instance: theirs.instance,
    security: link.security,
    limitsByAddress: link.limitsByAddress ?? true,
    ...(membership && { membership }),
  };
}
