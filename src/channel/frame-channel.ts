import type { Data } from '../data.ts';
import type { Log } from '../debug.ts';
import { PeerloomError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Runtime } from '../runtime.ts';
import { decompress } from '../wire/compression.ts';
import { FrameKind, idBytes, readUint32, smallFrame, writeUint32 } from '../wire/frame.ts';
import type { Frame } from '../wire/frame-reader.ts';
import { decodeGoodbye, encodeGoodbye, type Goodbye, goodbye } from '../wire/goodbye.ts';
import { decodePayload, encodePayload, type Payload } from '../wire/payload.ts';
import type { Channel, ChannelHandler, CloseReason, RemoteNode, SendOptions } from './channel.ts';
import type { Handshake } from './handshake.ts';
import { Inbox } from './inbox.ts';
import { PendingAnswers, type WaitOptions } from './pending.ts';
import { encodeMessage } from './shared-encoding.ts';

export interface FrameChannelOptions {
  readonly limits: Limits;
  readonly runtime: Runtime;
  readonly log: Log;
}

/** How long the link may take to send what waits when a connection is closed on purpose. */
const closeFlushMs = 5_000;

/** The same when the other side did something wrong. */
const failFlushMs = 1_000;

/** The conversation with another peerloom node: messages, questions and their answers, pings, goodbye. */
export class FrameChannel implements Channel {
  readonly remote: RemoteNode;
  readonly #handshake: Handshake;
  readonly #options: FrameChannelOptions;
  readonly #inbox: Inbox;
  readonly #maxSendBytes: number;
  /** Of requests, and of deliveries, whose answer is `undefined`. */
  readonly #answers: PendingAnswers<Data | undefined>;
  readonly #pongs: PendingAnswers<void>;

  #state: 'open' | 'closing' | 'closed' = 'open';
  #handler: ChannelHandler | undefined;
  #reason: CloseReason | undefined;
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
    this.#inbox = new Inbox(link, (frame) => this.#handle(frame), limits.unhandledMaxBytes);
    this.#maxSendBytes = theirs.maxMessageBytes;
    this.#answers = new PendingAnswers(runtime);
    this.#pongs = new PendingAnswers(runtime);
    this.#lastReceivedAt = runtime.now();
    reader.onFrame = (kind, format, compression, body) => {
      // The common case needs no object for the frame.
      if (kind === FrameKind.message && compression === 0 && this.#inbox.isIdle) {
        this.#handleNow(format, body);
      } else {
        this.#onFrame({ kind, format, compression, body });
      }
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
    const connected = handler.connected();
    this.#inbox.open(typeof connected === 'object' ? connected.then(() => {}) : undefined);
    if (this.#state === 'closed') this.#report();
  }

  send(data: Data, options?: SendOptions): boolean {
    this.#checkOpen();
    return this.#handshake.outgoing.send(FrameKind.message, this.#encode(data, options));
  }

  drained(): Promise<void> {
    return this.#handshake.outgoing.drained();
  }

  async deliver(data: Data, options?: WaitOptions): Promise<void> {
    await this.#ask(FrameKind.deliver, data, options);
  }

  async request(data: Data, options?: WaitOptions): Promise<Data> {
    return (await this.#ask(FrameKind.request, data, options))!;
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
    if (this.#inbox.paused) this.#lastReceivedAt = now - limits.pingAfterMs;
    const silenceMs = now - this.#lastReceivedAt;
    if (silenceMs >= limits.deadAfterMs) {
      this.#fail(goodbye('timeout', `nothing was heard of the other side for ${limits.deadAfterMs} ms`));
    } else if (silenceMs >= limits.pingAfterMs && now - this.#lastPingAt >= limits.pingAfterMs) {
      this.#lastPingAt = now;
      this.#handshake.outgoing.urgent(FrameKind.ping, idBody(0));
    }
  }

  close(farewell: Goodbye): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#reason = { ...farewell, by: 'us' };
    this.#inbox.clear();
    const { outgoing, link } = this.#handshake;
    outgoing.last(FrameKind.goodbye, encodeGoodbye(farewell));
    const deadline = this.#options.runtime.setTimeout(() => link.destroy(), closeFlushMs);
    void outgoing.flushed().then(() => link.close(closeFlushMs));
    void link.closed.then(() => deadline.cancel());
  }

  #ask(kind: number, data: Data, options: WaitOptions | undefined): Promise<Data | undefined> {
    this.#checkOpen();
    const payload = this.#encode(data, undefined);
    const what = kind === FrameKind.request ? 'request' : 'deliver';
    return this.#answers.ask(what, options, (id) => this.#handshake.outgoing.send(kind, payload, id));
  }

  #checkOpen(): void {
    if (this.#state === 'open') return;
    throw new PeerloomError('ERR_CONNECTION_CLOSED', `the connection with ${this.remote.id} is closed`);
  }

  #encode(data: Data, options: SendOptions | undefined): Payload {
    if (options === undefined) {
      const payload = encodePayload(data);
      if (payload.body.length > this.#maxSendBytes) throw this.#tooLarge(payload.body.length);
      return payload;
    }
    const { payload, plainBytes } = encodeMessage(data, options);
    if (plainBytes > this.#maxSendBytes) throw this.#tooLarge(plainBytes);
    const compression = options.compression ?? 'none';
    if (compression !== 'none' && !this.#handshake.theirs.compressions.includes(compression)) {
      throw new PeerloomError('ERR_COMPRESSION_UNAVAILABLE', `the other side cannot read ${compression}`);
    }
    return payload;
  }

  #tooLarge(length: number): PeerloomError {
    return new PeerloomError(
      'ERR_MESSAGE_TOO_LARGE',
      `the message has ${length} bytes, the other side takes ${this.#maxSendBytes} (its limits.maxMessageBytes)`,
    );
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
    switch (frame.kind) {
      case FrameKind.message:
        if (this.#state === 'open') this.#inbox.offer(frame);
        break;
      case FrameKind.deliver:
      case FrameKind.request:
        idOf(frame);
        if (this.#state === 'open') this.#inbox.offer(frame);
        break;
      case FrameKind.response:
        this.#onResponse(frame);
        break;
      case FrameKind.failure:
        this.#onFailure(frame);
        break;
      case FrameKind.delivered:
        this.#answers.answer(idOf(frame), undefined);
        break;
      case FrameKind.ping:
        this.#onPing(frame);
        break;
      case FrameKind.pong:
        this.#pongs.answer(idOf(frame), undefined);
        break;
      case FrameKind.goodbye:
        this.#onGoodbye(frame);
        break;
      default:
        throw new PeerloomError(
          'ERR_PROTOCOL',
          `a frame of kind ${frame.kind} has no place after the handshake`,
        );
    }
  }

  #onPing(frame: Frame): void {
    const isRead = this.#handshake.outgoing.urgent(FrameKind.pong, idBody(idOf(frame)));
    if (!isRead) this.#fail(goodbye('overload'));
  }

  #handleNow(format: number, body: Uint8Array): void {
    let data: Data;
    try {
      data = decodePayload(format, body);
    } catch (error) {
      this.#handler!.rejected(error as Error);
      return;
    }
    const handled = this.#handler!.message(data);
    if (typeof handled === 'object') this.#inbox.wait(handled);
  }

  /** Runs the user's handler for a frame that waited its turn. */
  #handle(frame: Frame): void | Promise<void> {
    if (frame.kind === FrameKind.message) {
      const data = this.#decode(frame);
      if (data === undecodable) return undefined;
      const handled = this.#handler!.message(data);
      return typeof handled === 'object' ? handled.then(() => {}) : undefined;
    }
    return frame.kind === FrameKind.deliver ? this.#handleDeliver(frame) : this.#handleRequest(frame);
  }

  #handleDeliver(frame: Frame): void | Promise<void> {
    const id = idOf(frame);
    const data = this.#decode(frame);
    if (data === undecodable) return this.#answerFailure(id, 'the message could not be decoded');
    const handled = this.#handler!.message(data);
    const conclude = (isHandled: boolean): void => {
      if (isHandled) this.#answer(FrameKind.delivered, emptyPayload, id);
      else this.#answerFailure(id, 'a handler of the other side failed');
    };
    return typeof handled === 'object' ? handled.then(conclude) : conclude(handled);
  }

  /** Requests are answered side by side: one that takes long holds up no other. */
  #handleRequest(frame: Frame): void {
    const id = idOf(frame);
    const data = this.#decode(frame);
    if (data === undecodable) {
      this.#answerFailure(id, 'the request could not be decoded');
      return;
    }
    this.#inbox.charge(frame);
    this.#handler!.request(data)
      .then((answer) => {
        if (answer === undefined) this.#answerFailure(id, 'the other side has no answer to this request');
        else this.#answer(FrameKind.response, this.#encode(answer, undefined), id);
      })
      .catch(() => this.#answerFailure(id, 'the other side failed to answer this request'))
      .finally(() => this.#inbox.release(frame));
  }

  #answer(kind: number, payload: Payload, id: number): void {
    if (this.#state !== 'open') return;
    try {
      this.#handshake.outgoing.send(kind, payload, id);
    } catch {
      this.#fail(goodbye('overload'));
    }
  }

  #answerFailure(id: number, message: string): void {
    this.#answer(FrameKind.failure, encodePayload(message), id);
  }

  #onResponse(frame: Frame): void {
    const id = idOf(frame);
    if (!this.#answers.has(id)) return;
    const data = this.#decode(frame);
    if (data === undecodable) {
      this.#answers.fail(id, new PeerloomError('ERR_MESSAGE_INVALID', 'the answer could not be decoded'));
    } else {
      this.#answers.answer(id, data);
    }
  }

  #onFailure(frame: Frame): void {
    const id = idOf(frame);
    if (!this.#answers.has(id)) return;
    const message = this.#decode(frame);
    const error = new PeerloomError(
      'ERR_HANDLER',
      typeof message === 'string' ? message : 'the other side failed',
    );
    this.#answers.fail(id, error);
  }

  #decode(frame: Frame): Data | typeof undecodable {
    const { maxMessageBytes } = this.#options.limits;
    const hasId = frame.kind !== FrameKind.message;
    try {
      let body: Uint8Array = hasId ? frame.body.subarray(idBytes) : frame.body;
      if (frame.compression !== 0) body = decompress(body, frame.compression, maxMessageBytes);
      return decodePayload(frame.format, body);
    } catch (error) {
      this.#handler!.rejected(error as Error);
      return undecodable;
    }
  }

  #onGoodbye(frame: Frame): void {
    const farewell = decodeGoodbye(frame.body);
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#reason = { ...farewell, by: 'them' };
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
    reader.stop();
    outgoing.close();
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
    const closed = new PeerloomError(
      'ERR_CONNECTION_CLOSED',
      `the connection with ${this.remote.id} closed: ${this.#reason.message}`,
    );
    this.#answers.failAll(closed);
    this.#pongs.failAll(closed);
    if (this.#handler !== undefined) this.#report();
  }

  /** What arrived before the end is still handled, unless this side chose to leave. */
  #report(): void {
    const report = () => this.#handler!.closed(this.#reason!);
    if (this.#reason!.by === 'us') report();
    else void this.#inbox.idle().then(report);
  }
}

const undecodable = Symbol('undecodable');
const emptyPayload: Payload = { format: 0, compression: 0, body: new Uint8Array(0) };

function idOf({ kind, body }: Frame): number {
  if (body.length < idBytes)
    throw new PeerloomError('ERR_PROTOCOL', `a frame of kind ${kind} without its number`);
  return readUint32(body, 0);
}

function idBody(id: number): Uint8Array {
  const body = new Uint8Array(idBytes);
  writeUint32(body, 0, id);
  return body;
}
