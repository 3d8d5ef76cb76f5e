import type { Data } from '../data.ts';
import type { Log } from '../debug.ts';
import { PeerloomError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { printable } from '../printable.ts';
import type { Runtime } from '../runtime.ts';
import { FrameKind, idBody, idOf, smallFrame } from '../wire/frame.ts';
import type { Frame } from '../wire/frame-reader.ts';
import { decodeGoodbye, encodeGoodbye, type Goodbye, goodbye } from '../wire/goodbye.ts';
import type { Payload } from '../wire/payload.ts';
import type { Channel, ChannelHandler, CloseReason, RemoteNode, SendOptions } from './channel.ts';
import type { Handshake } from './handshake.ts';
import { Incoming } from './incoming.ts';
import { PendingAnswers, type WaitOptions } from './pending.ts';
import { encodeFor } from './shared-encoding.ts';
import type { ChannelStream } from './stream.ts';
import { Streams } from './streams.ts';

export interface FrameChannelOptions {
  readonly limits: Limits;
  readonly runtime: Runtime;
  readonly log: Log;
}

/** How long the link may take to send what waits when a connection is closed on purpose. */
const closeFlushMs = 5_000;

/** The same when the other side did something wrong. */
const failFlushMs = 1_000;

/** Characters of what the other side says of a failure. */
const maxFailureLength = 500;

/** The conversation with another peerloom node: messages, questions and their answers, pings, goodbye. */
export class FrameChannel implements Channel {
  readonly remote: RemoteNode;
  readonly #handshake: Handshake;
  readonly #options: FrameChannelOptions;
  readonly #incoming: Incoming;
  readonly #streams: Streams;
  /** Of requests, and of deliveries, whose answer is `undefined`. */
  readonly #answers: PendingAnswers<Data | undefined>;
  readonly #pongs: PendingAnswers<void>;

  #state: 'open' | 'closing' | 'closed' = 'open';
  #handler: ChannelHandler | undefined;
  #reason: CloseReason | undefined;
  /** This side chose to leave: nothing more is handled. */
  #left = false;
  #reported = false;
  #lastReceivedAt: number;
  #lastPingAt = 0;

  constructor(handshake: Handshake, options: FrameChannelOptions) {
    const { link, reader, theirs } = handshake;
    const { limits, runtime } = options;
    this.#handshake = handshake;
    this.#options = options;
    this.remote = {
      id: link.remoteId,
      name: theirs.name,
      address: link.remoteAddress,
      listeningPort: theirs.port,
      instance: theirs.instance,
      security: link.security,
    };
    this.#incoming = new Incoming({
      link,
      limits,
      runtime,
      respond: (id, data) => this.#answer(FrameKind.response, this.#encode(data), id),
      answer: (kind, payload, id) => this.#answer(kind, payload, id),
      onStream: (frame, handler) => this.#streams.offer(frame, handler),
      onAbuse: (error) => this.#fail(goodbye('protocol', error.message)),
    });
    this.#streams = new Streams({ ...handshake, limits, runtime });
    this.#answers = new PendingAnswers(runtime);
    this.#pongs = new PendingAnswers(runtime);
    this.#lastReceivedAt = runtime.now();
    reader.onFrame = (kind, format, compression, body) => {
      const isMessage = kind === FrameKind.message && this.#state === 'open';
      if (isMessage && this.#incoming.tryNow(format, compression, body)) return;
      this.#onFrame({ kind, format, compression, body });
    };
    link.onMessage = (bytes) => this.#onBytes(bytes);
    void link.closed.then((error) => this.#onLinkClosed(error));
    this.#guarded(() => {
      for (const frame of handshake.early) this.#onFrame(frame);
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  start(handler: ChannelHandler): void {
    this.#handler = handler;
    this.#incoming.start(handler);
    if (this.#state === 'closed') this.#report();
  }

  send(data: Data, options?: SendOptions): boolean {
    this.#checkOpen();
    return this.#handshake.outgoing.send(FrameKind.message, this.#encode(data, options));
  }

  drained(): Promise<void> {
    return this.#handshake.outgoing.drained();
  }

  deliver(data: Data, options?: WaitOptions): Promise<void> {
    return this.#ask(FrameKind.deliver, data, options).then(() => {});
  }

  request(data: Data, options?: WaitOptions): Promise<Data> {
    return this.#ask(FrameKind.request, data, options).then((answer) => {
      if (answer !== undefined) return answer;
      throw new PeerloomError('ERR_PROTOCOL', 'the other side confirmed a request where it should answer it');
    });
  }

  openStream(header: Data, options?: WaitOptions): Promise<ChannelStream> {
    this.#checkOpen();
    return this.#streams.open(header, options);
  }

  async ping(options?: WaitOptions): Promise<number> {
    const { runtime } = this.#options;
    const sentAt = runtime.now();
    await this.#pongs.ask('ping', options, (id) => {
      this.#checkOpen();
      this.#handshake.outgoing.urgent(FrameKind.ping, idBody(id));
    });
    return runtime.now() - sentAt;
  }

  checkLiveness(now: number): void {
    if (this.#state !== 'open') return;
    const { limits } = this.#options;
    // While reading is paused nothing can be heard, but the ping still tells the other side that we live.
    if (this.#incoming.inbox.paused) this.#lastReceivedAt = now - limits.pingAfterMs;
    const silenceMs = now - this.#lastReceivedAt;
    if (silenceMs >= limits.deadAfterMs) {
      this.#fail(goodbye('timeout', `nothing was heard of the other side for ${limits.deadAfterMs} ms`));
    } else if (silenceMs >= limits.pingAfterMs && now - this.#lastPingAt >= limits.pingAfterMs) {
      this.#lastPingAt = now;
      this.#handshake.outgoing.urgent(FrameKind.ping, idBody(0));
    }
  }

  close(farewell: Goodbye): void {
    this.#left = true;
    this.#incoming.inbox.clear();
    if (this.#state === 'closed') this.#report();
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#reason = { ...farewell, by: 'us' };
    this.#streams.close(this.#closedError());
    const { outgoing, link } = this.#handshake;
    outgoing.sendOwn(FrameKind.goodbye, encodeGoodbye(farewell));
    const deadline = this.#options.runtime.setTimeout(() => link.destroy(), closeFlushMs);
    void outgoing.flushed().then(() => link.close(closeFlushMs));
    void link.closed.then(() => deadline.cancel());
  }

  #ask(kind: number, data: Data, options: WaitOptions | undefined): Promise<Data | undefined> {
    this.#checkOpen();
    const payload = this.#encode(data);
    const what = kind === FrameKind.request ? 'request' : 'deliver';
    return this.#answers.ask(what, options, (id) => this.#handshake.outgoing.send(kind, payload, id));
  }

  #checkOpen(): void {
    if (this.#state === 'open') return;
    throw new PeerloomError('ERR_CONNECTION_CLOSED', `the connection with ${this.remote.id} is closed`);
  }

  #encode(data: Data, options?: SendOptions): Payload {
    return encodeFor(this.#handshake.theirs, data, options);
  }

  #onBytes(bytes: Uint8Array): void {
    this.#lastReceivedAt = this.#options.runtime.now();
    this.#guarded(() => this.#handshake.reader.push(bytes));
  }

  /** Whatever the other side did wrong ends this connection, and nothing else. */
  #guarded(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.#fail(goodbye('protocol', (error as Error).message));
    }
  }

  #onFrame(frame: Frame): void {
    const { kind, body } = frame;
    switch (kind) {
      case FrameKind.message:
      case FrameKind.deliver:
      case FrameKind.request:
        if (this.#state === 'open') this.#incoming.offer(frame);
        break;
      case FrameKind.streamOpen:
        if (this.#state === 'open' && this.#streams.onOpen(frame)) this.#incoming.offer(frame);
        break;
      case FrameKind.streamData:
      case FrameKind.streamCredit:
      case FrameKind.streamEnd:
      case FrameKind.streamAbort:
        this.#streams.onFrame(frame);
        break;
      case FrameKind.delivered:
        this.#answers.answer(idOf(kind, body), undefined);
        break;
      case FrameKind.response:
      case FrameKind.failure:
        this.#onAnswer(frame);
        break;
      case FrameKind.ping:
        this.#onPing(idOf(kind, body));
        break;
      case FrameKind.pong:
        this.#pongs.answer(idOf(kind, body), undefined);
        break;
      case FrameKind.goodbye:
        this.#onGoodbye(decodeGoodbye(body));
        break;
      default:
        throw new PeerloomError('ERR_PROTOCOL', `a frame of kind ${kind} has no place after the handshake`);
    }
  }

  #onPing(id: number): void {
    const isRead = this.#handshake.outgoing.urgent(FrameKind.pong, idBody(id));
    if (!isRead) this.#fail(goodbye('overload'));
  }

  /** Answers that nobody waits for are not even decoded. */
  #onAnswer(frame: Frame): void {
    const id = idOf(frame.kind, frame.body);
    if (!this.#answers.has(id)) return;
    const decoded = this.#incoming.decode(frame);
    if (decoded === undefined) {
      this.#answers.fail(id, new PeerloomError('ERR_MESSAGE_INVALID', 'the answer could not be decoded'));
    } else if (frame.kind === FrameKind.failure) {
      this.#answers.fail(id, new PeerloomError('ERR_HANDLER', failureText(decoded.data)));
    } else {
      this.#answers.answer(id, decoded.data);
    }
  }

  #answer(kind: number, payload: Payload, id: number): void {
    if (this.#state !== 'open') return;
    try {
      this.#handshake.outgoing.send(kind, payload, id);
    } catch {
      this.#fail(goodbye('overload'));
    }
  }

  #onGoodbye(farewell: Goodbye): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#reason = { ...farewell, by: 'them' };
    this.#streams.close(this.#closedError());
    this.#handshake.reader.stop();
    this.#handshake.outgoing.close();
    this.#handshake.link.close(closeFlushMs);
  }

  /** Tells the other side why, as far as it still listens, and lets go of it. */
  #fail(farewell: Goodbye): void {
    if (this.#state === 'closed') return;
    this.#options.log(`closing the connection with ${this.remote.id}: ${farewell.message}`);
    const { outgoing, link, reader } = this.#handshake;
    this.#state = 'closing';
    this.#reason ??= { ...farewell, by: 'us' };
    this.#streams.close(this.#closedError());
    reader.stop();
    outgoing.close();
    // Who breaks the protocol is not listened to any longer.
    if (farewell.code === 'protocol') this.#incoming.inbox.clear();
    if (farewell.code !== 'timeout') link.send(smallFrame(FrameKind.goodbye, encodeGoodbye(farewell)));
    link.close(farewell.code === 'timeout' ? 0 : failFlushMs);
  }

  #onLinkClosed(error: Error | undefined): void {
    this.#state = 'closed';
    const lost =
      error === undefined ? 'the link ended without a goodbye' : `the link broke: ${error.message}`;
    this.#reason ??= { code: 'lost', message: lost, by: 'link' };
    this.#handshake.reader.stop();
    this.#handshake.outgoing.close();
    this.#incoming.end();
    const closed = this.#closedError();
    this.#streams.close(closed);
    this.#answers.failAll(closed);
    this.#pongs.failAll(closed);
    if (this.#handler !== undefined) this.#report();
  }

  #closedError(): PeerloomError {
    const { id } = this.remote;
    return new PeerloomError(
      'ERR_CONNECTION_CLOSED',
      `the connection with ${id} closed: ${this.#reason!.message}`,
    );
  }

  /**
   * What arrived before the end is still handled, unless this side chose to leave: then a handler may be
   * waiting for the report.
   */
  #report(): void {
    const report = (): void => {
      if (this.#reported) return;
      this.#reported = true;
      this.#handler!.closed(this.#reason!);
    };
    if (this.#left) report();
    else void this.#incoming.inbox.idle().then(report);
  }
}

/** What the other side says of its failure, fit for people to read. */
function failureText(data: Data): string {
  return typeof data === 'string' ? printable(data.slice(0, maxFailureLength)) : 'the other side failed';
}
