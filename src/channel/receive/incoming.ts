import type { Data } from '../../base/data.ts';
import type { DecompressionTurns, Outcome } from '../../base/decompression-turns.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { Link } from '../../transport/transport.ts';
import { FrameKind, idBytes, idOf } from '../../wire/frames/frame.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { Lane, type Windows } from '../../wire/frames/windows.ts';
import type { ChannelHandler, SlowHandler } from '../channel.ts';
import type { SendAnswer } from './answering.ts';
import { CompressedAnswers } from './compressed-answers.ts';
import { type Decoded, FrameDecoder } from './frame-decoder.ts';
import { payloadOf } from './frame-payload.ts';
import { IncomingMessages } from './incoming-messages.ts';
import { IncomingRequests } from './incoming-requests.ts';

export interface IncomingOptions {
  readonly link: Link;
  readonly limits: Limits;
  readonly runtime: Runtime;
  /** What the other side was told that it may send at first. */
  readonly windows: Windows;
  /** Tells it how far a lane may send. */
  readonly grant: (lane: Lane, position: number) => void;
  /** Those of all connections of the node. */
  readonly turns: DecompressionTurns;
  /** Sends an answer of the user's. May throw what `send` throws for data that cannot be sent. */
  readonly respond: (id: number, data: Data) => void;
  /** Sends one of ours. */
  readonly answer: SendAnswer;
  /** Somebody waits for this answer. */
  readonly isAwaited: (answer: Frame) => boolean;
  /** Hands on an answer; `undefined`: it cannot be decoded. */
  readonly onAnswer: (answer: Frame, decoded: Decoded | undefined) => void;
  /** Hands on a stream that the other side opened. */
  readonly onStream: (frame: Frame, handler: ChannelHandler) => void;
  /** Deliveries of this side, begun since a time, whose answer somebody waits for. */
  readonly deliveriesSince: (beganAtMs: number) => number;
  /** The other side sent what no honest peer sends. */
  readonly onAbuse: (error: PeerloomError) => void;
  /** Handling something that had to wait failed, but not in a handler of the user's. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * What the other side sends, on its way from the link to the user's handlers. Messages and deliveries are handled one
 * after another; requests, streams and answers wait for none of them, only for the connect handler to be called.
 */
export class Incoming {
  readonly messages: IncomingMessages;
  readonly requests: IncomingRequests;
  readonly decoder: FrameDecoder;
  /** From the first one on: most connections never have any. */
  #answers: CompressedAnswers | undefined;
  /** What came before the connect handler was called. */
  #early: Frame[] = [];
  #onGrowth: (bytes: number) => void = () => {};
  readonly #options: IncomingOptions;
  readonly #maxBodyBytes: number;
  #handler: ChannelHandler | undefined;

  constructor(options: IncomingOptions) {
    this.#options = options;
    const { windows, grant } = options;
    this.#maxBodyBytes = options.limits.maxMessageBytes + idBytes;
    this.decoder = new FrameDecoder(options);
    const onSlow = (handler: SlowHandler['handler'], beganAtMs: number): void =>
      this.#onSlow(handler, beganAtMs);
    const shared = { ...options, decoder: this.decoder, onSlow };
    this.messages = new IncomingMessages({
      ...shared,
      windowBytes: windows.messages,
      grant: (position) => grant(Lane.messages, position),
    });
    this.requests = new IncomingRequests({
      ...shared,
      windowBytes: windows.requests,
      grant: (position) => grant(Lane.requests, position),
    });
  }

  set onGrowth(onGrowth: (bytes: number) => void) {
    this.messages.inbox.onGrowth = this.requests.inbox.onGrowth = this.#onGrowth = onGrowth;
  }

  get heldBytes(): number {
    const early = this.#early.reduce((bytes, { body }) => bytes + body.length, 0);
    return (
      this.messages.inbox.heldBytes + this.requests.heldBytes + (this.#answers?.inbox.heldBytes ?? 0) + early
    );
  }

  /** Reading is paused because too much waits. */
  get isPaused(): boolean {
    return this.#answers?.isPaused === true;
  }

  /** Resolves when no message and no answer waits or is being handled. */
  idle(): Promise<void> {
    const answers = this.#answers?.inbox;
    return answers === undefined || answers.isIdle
      ? this.messages.inbox.idle()
      : answers.idle().then(() => this.idle());
  }

  /** Resolves when all answers that have come were read, or dropped. */
  answersRead(): Promise<void> {
    return this.#answers?.inbox.idle() ?? Promise.resolve();
  }

  start(handler: ChannelHandler): void {
    this.#handler = this.decoder.handler = handler;
    const connected = handler.connected();
    this.messages.open(handler, connected);
    this.requests.open(handler);
    const early = this.#early;
    this.#early = [];
    try {
      for (const frame of early) this.#handOn(frame, handler);
    } catch (error) {
      this.#options.onFailure(error);
    }
  }

  /** Takes in a message, delivery or request. @throws PeerloomError `ERR_PROTOCOL`, `ERR_MESSAGE_TOO_LARGE`. */
  offer(frame: Frame): void {
    const { kind, body } = frame;
    if (body.length > this.#maxBodyBytes) {
      const message = `a message has ${body.length} bytes, but at most ${this.#maxBodyBytes} are allowed`;
      throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
    }
    if (kind !== FrameKind.message) idOf(kind, body);
    this.#takeIn(frame);
  }

  /** Passes a message, delivery or request over. */
  drop(frame: Frame): void {
    this.#laneOf(frame.kind).drop(frame);
  }

  /** Takes in the opening of a stream. */
  offerStream(frame: Frame): void {
    this.#takeIn(frame);
  }

  /** What comes before the connect handler was called is handed on then, in the order in which it came. */
  #takeIn(frame: Frame): void {
    if (this.#handler !== undefined) {
      this.#handOn(frame, this.#handler);
      return;
    }
    this.#early.push(frame);
    this.#onGrowth(frame.body.length);
  }

  #handOn(frame: Frame, handler: ChannelHandler): void {
    if (frame.kind === FrameKind.streamOpen) this.#options.onStream(frame, handler);
    else this.#laneOf(frame.kind).offer(frame);
  }

  /** The link has ended: what has arrived is still handled, but nobody waits for answers. */
  end(): void {
    this.requests.end();
  }

  /** What has arrived is handled no more. */
  clear(): void {
    this.messages.clear();
    this.requests.clear();
    this.#answers?.clear();
    this.#early = [];
  }

  /** The user has heard the last of the connection. */
  close(): void {
    this.messages.close();
    this.requests.close();
  }

  /** Reads an answer, at once if it can; what cannot be decoded is told to the user, and counted. */
  readAnswer(frame: Frame): void {
    if (frame.compression === 0) {
      this.#concludeAnswer(frame, () => payloadOf(frame));
      return;
    }
    this.#answers ??= this.#makeAnswers();
    this.#answers.inbox.offer(frame);
  }

  #laneOf(kind: number): IncomingMessages | IncomingRequests {
    return kind === FrameKind.request ? this.requests : this.messages;
  }

  #makeAnswers(): CompressedAnswers {
    const { link, limits, runtime, turns, isAwaited, onFailure } = this.#options;
    const answers = new CompressedAnswers({
      link,
      limits,
      runtime,
      turns,
      isAwaited,
      onAnswer: (frame, payload) => this.#concludeAnswer(frame, payload),
      onFailure,
    });
    answers.inbox.onGrowth = this.#onGrowth;
    return answers;
  }

  #concludeAnswer(frame: Frame, payload: Outcome): void {
    this.#options.onAnswer(frame, this.decoder.decode(frame, payload));
  }

  #onSlow(handler: SlowHandler['handler'], beganAtMs: number): void {
    const { runtime, deliveriesSince } = this.#options;
    const { inbox } = handler === 'request' ? this.requests : this.messages;
    this.#handler!.slow({
      handler,
      runsMs: Math.round(runtime.now() - beganAtMs),
      waiting: inbox.waitingCount,
      waitingBytes: inbox.waitingBytes,
      deliveries: handler === 'request' ? 0 : deliveriesSince(beganAtMs),
    });
  }
}
