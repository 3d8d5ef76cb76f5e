import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { FrameKind, idBytes, idOf } from '../../wire/frames/frame.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import type { Windows } from '../../wire/frames/windows.ts';
import type { ChannelHandler, SlowHandler } from '../channel.ts';
import { IncomingMessages } from './incoming-messages.ts';
import { IncomingRequests, type RequestsHost } from './incoming-requests.ts';
import { isSlow, PayloadReader, type PayloadReaderOptions, payloadOf } from './payload-reader.ts';
import { type AnswersHost, SlowAnswers } from './slow-answers.ts';

/** The channel whose frames arrive. */
export interface IncomingHost
  extends PayloadReaderOptions,
    Omit<RequestsHost, 'payloads' | 'onSlow'>,
    Omit<AnswersHost, 'payloads'> {
  /** The windows that were announced to the other side. */
  readonly windows: Windows;
  /** Hands on a stream that the other side opened. */
  onStream(frame: Frame, handler: ChannelHandler): void;
  /** How many deliveries of this side began at `beganAtMs` or later and still wait for their answers. */
  deliveriesSince(beganAtMs: number): number;
}

/**
 * Passes what the other side sends to the user's handlers. Messages and deliveries are handled one after another.
 * Requests, streams and answers do not wait for them; they wait only until the connect handler was called.
 */
export class Incoming implements RequestsHost, AnswersHost {
  readonly payloads: PayloadReader;
  readonly messages: IncomingMessages;
  /** Created when first used, because most connections never have requests. */
  #usedRequests: IncomingRequests | undefined;
  #usedAnswers: SlowAnswers | undefined;
  /** Frames that arrived before the connect handler was called. */
  #early: Frame[] | undefined;
  #onGrowth: (bytes: number) => void = ignore;
  readonly #host: IncomingHost;
  #handler: ChannelHandler | undefined;
  #hasEnded = false;

  constructor(host: IncomingHost) {
    this.#host = host;
    this.payloads = new PayloadReader(host);
    this.messages = new IncomingMessages(this, host.windows.messages);
  }

  get limits(): IncomingHost['limits'] {
    return this.#host.limits;
  }

  get runtime(): IncomingHost['runtime'] {
    return this.#host.runtime;
  }

  get link(): IncomingHost['link'] {
    return this.#host.link;
  }

  get granter(): IncomingHost['granter'] {
    return this.#host.granter;
  }

  set onGrowth(onGrowth: (bytes: number) => void) {
    this.messages.inbox.onGrowth = this.#onGrowth = onGrowth;
  }

  get requests(): IncomingRequests {
    if (this.#usedRequests === undefined) {
      const requests = new IncomingRequests(this, this.#host.windows.requests);
      requests.inbox.onGrowth = this.#onGrowth;
      if (this.#handler !== undefined) requests.open(this.#handler);
      if (this.#hasEnded) requests.end();
      this.#usedRequests = requests;
    }
    return this.#usedRequests;
  }

  get heldBytes(): number {
    const early = this.#early?.reduce((bytes, { body }) => bytes + body.length, 0) ?? 0;
    const requests = this.#usedRequests?.heldBytes ?? 0;
    return this.messages.inbox.heldBytes + requests + (this.#usedAnswers?.inbox.heldBytes ?? 0) + early;
  }

  /** Messages, deliveries and requests that wait for handlers. */
  get waitingCount(): number {
    const requests = this.#usedRequests?.inbox.waitingCount ?? 0;
    return this.messages.inbox.waitingCount + requests + (this.#early?.length ?? 0);
  }

  /** Whether reading is paused because too much waits. */
  get isPaused(): boolean {
    return this.#usedAnswers?.isPaused === true;
  }

  /** Resolves when no message and no answer waits or is being handled. */
  idle(): Promise<void> {
    const answers = this.#usedAnswers?.inbox;
    return answers === undefined || answers.isIdle
      ? this.messages.inbox.idle()
      : answers.idle().then(() => this.idle());
  }

  /** Resolves when all answers that have arrived are read or dropped. */
  answersRead(): Promise<void> {
    return this.#usedAnswers?.inbox.idle() ?? Promise.resolve();
  }

  start(handler: ChannelHandler): void {
    this.#handler = this.payloads.handler = handler;
    const connected = handler.connected();
    this.messages.open(handler, connected);
    this.#usedRequests?.open(handler);
    const early = this.#early;
    this.#early = undefined;
    if (early === undefined) return;
    try {
      for (const frame of early) this.#handOn(frame, handler);
    } catch (error) {
      this.onFailure(error);
    }
  }

  /** Takes in a message, delivery or request. @throws PeerloomError `ERR_PROTOCOL`, `ERR_MESSAGE_TOO_LARGE`. */
  offer(frame: Frame): void {
    const { kind, body } = frame;
    const maxBodyBytes = this.limits.maxMessageBytes + idBytes;
    if (body.length > maxBodyBytes) {
      const message = `a message has ${body.length} bytes, but at most ${maxBodyBytes} are allowed`;
      throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
    }
    if (kind !== FrameKind.message) idOf(kind, body);
    this.#takeIn(frame);
  }

  /** Skips a message, delivery or request. */
  drop(frame: Frame): void {
    this.#laneOf(frame.kind).drop(frame);
  }

  /** Takes in the opening of a stream. */
  offerStream(frame: Frame): void {
    this.#takeIn(frame);
  }

  /** Keeps a frame that arrives before the connect handler was called. Such frames are handed on later, in order. */
  #takeIn(frame: Frame): void {
    if (this.#handler !== undefined) {
      this.#handOn(frame, this.#handler);
      return;
    }
    this.#early ??= [];
    this.#early.push(frame);
    this.#onGrowth(frame.body.length);
  }

  #handOn(frame: Frame, handler: ChannelHandler): void {
    if (frame.kind === FrameKind.streamOpen) this.#host.onStream(frame, handler);
    else this.#laneOf(frame.kind).offer(frame);
  }

  /** The link has ended. What has arrived is still handled, but no answers can be sent. */
  end(): void {
    this.#hasEnded = true;
    this.#usedRequests?.end();
  }

  /** Drops what has arrived. */
  clear(): void {
    this.messages.clear();
    this.#usedRequests?.clear();
    this.#usedAnswers?.clear();
    this.#early = undefined;
  }

  /** The end of the connection was reported to the user. */
  close(): void {
    this.messages.close();
    this.#usedRequests?.close();
  }

  /** Reads an answer at once, unless it is slow to decode: then it waits for its turn. */
  readAnswer(frame: Frame): void {
    if (!isSlow(frame)) {
      this.#host.onAnswer(frame, this.payloads.decode(frame, payloadOf(frame)));
      return;
    }
    if (this.#usedAnswers === undefined) {
      this.#usedAnswers = new SlowAnswers(this);
      this.#usedAnswers.inbox.onGrowth = this.#onGrowth;
    }
    this.#usedAnswers.inbox.offer(frame);
  }

  onSlow(handler: SlowHandler['handler'], beganAtMs: number): void {
    const { inbox } = handler === 'request' ? this.requests : this.messages;
    this.#handler!.slow({
      handler,
      runsMs: Math.round(this.runtime.now() - beganAtMs),
      waiting: inbox.waitingCount,
      waitingBytes: inbox.waitingBytes,
      deliveries: handler === 'request' ? 0 : this.#host.deliveriesSince(beganAtMs),
    });
  }

  answer(...[kind, payload, id]: Parameters<IncomingHost['answer']>): void {
    this.#host.answer(kind, payload, id);
  }

  respond(id: number, data: Data): void {
    this.#host.respond(id, data);
  }

  isAwaited(answer: Frame): boolean {
    return this.#host.isAwaited(answer);
  }

  onAnswer(...[answer, decoded]: Parameters<IncomingHost['onAnswer']>): void {
    this.#host.onAnswer(answer, decoded);
  }

  onFailure(error: unknown): void {
    this.#host.onFailure(error);
  }

  #laneOf(kind: number): IncomingMessages | IncomingRequests {
    return kind === FrameKind.request ? this.requests : this.messages;
  }
}

function ignore(): void {}
