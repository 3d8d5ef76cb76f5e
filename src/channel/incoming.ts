import type { Data } from '../data.ts';
import type { DecompressionTurns, Outcome } from '../decompression-turns.ts';
import { isPeerloomError, PeerloomError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Link } from '../transport/transport.ts';
import { FrameKind, idBytes, idOf } from '../wire/frame.ts';
import type { Frame } from '../wire/frame-reader.ts';
import { alone, OwnMemory } from '../wire/own-memory.ts';
import { decodePayload, encodePayload, isDataItself, type Payload, unfoldedBytes } from '../wire/payload.ts';
import { Brake } from './brake.ts';
import type { ChannelHandler } from './channel.ts';
import { CompressedAnswers } from './compressed-answers.ts';
import { decompressionOf, payloadOf } from './frame-payload.ts';
import { Inbox } from './inbox.ts';

export interface IncomingOptions {
  readonly link: Link;
  readonly limits: Limits;
  /** Those of all connections of the node. */
  readonly turns: DecompressionTurns;
  /** Sends an answer of the user's. May throw what `send` throws for data that cannot be sent. */
  readonly respond: (id: number, data: Data) => void;
  /** Sends one of ours. */
  readonly answer: (kind: number, payload: Payload, id: number) => void;
  /** Somebody waits for this answer. */
  readonly isAwaited: (answer: Frame) => boolean;
  /** Hands on an answer; `undefined`: it cannot be decoded. */
  readonly onAnswer: (answer: Frame, decoded: Decoded | undefined) => void;
  /** Hands on a stream that the other side opened. */
  readonly onStream: (frame: Frame, handler: ChannelHandler) => void;
  /** The other side sent what no honest peer sends. */
  readonly onAbuse: (error: PeerloomError) => void;
  /** Handling something that had to wait failed, but not in a handler of the user's. */
  readonly onFailure: (error: unknown) => void;
}

/** The data of a frame. */
export interface Decoded {
  readonly data: Data;
  readonly format: number;
  /** The payload, decompressed. */
  readonly plain: Uint8Array;
}

const failedToAnswer = 'the other side failed to answer this request';

const emptyPayload: Payload = { format: 0, compression: 0, body: new Uint8Array(0) };

/** Messages, deliveries and requests on their way from the link to the user's handlers. */
export class Incoming {
  /** Messages, deliveries and requests. */
  readonly inbox: Inbox;
  /** Where the bytes go that users receive. */
  readonly ownMemory = new OwnMemory();
  /** From the first one on: most connections never have any. */
  #answers: CompressedAnswers | undefined;
  readonly #brake: Brake;
  #onGrowth: (bytes: number) => void = () => {};
  readonly #options: IncomingOptions;
  readonly #maxBodyBytes: number;
  #handler: ChannelHandler | undefined;
  #ended = false;

  constructor(options: IncomingOptions) {
    this.#options = options;
    this.#maxBodyBytes = options.limits.maxMessageBytes + idBytes;
    const { link, limits, onFailure } = options;
    this.#brake = new Brake(link);
    this.inbox = new Inbox({
      link: this.#brake.pedal(),
      maxBytes: limits.unhandledMaxBytes,
      handle: (frame) => this.#handle(frame),
      onFailure,
    });
  }

  set onGrowth(onGrowth: (bytes: number) => void) {
    this.inbox.onGrowth = this.#onGrowth = onGrowth;
  }

  get heldBytes(): number {
    return this.inbox.heldBytes + (this.#answers?.inbox.heldBytes ?? 0);
  }

  /** Reading is paused because too much waits. */
  get isPaused(): boolean {
    return this.#brake.isHeld;
  }

  /** Resolves when nothing waits and nothing is being handled. */
  idle(): Promise<void> {
    const answers = this.#answers?.inbox;
    return answers === undefined || answers.isIdle
      ? this.inbox.idle()
      : answers.idle().then(() => this.idle());
  }

  /** Resolves when all answers that have come were read, or dropped. */
  answersRead(): Promise<void> {
    return this.#answers?.inbox.idle() ?? Promise.resolve();
  }

  start(handler: ChannelHandler): void {
    this.#handler = handler;
    const connected = handler.connected();
    this.inbox.open(typeof connected === 'object' ? connected : undefined);
  }

  /**
   * Handles a message without an object for its frame, where nothing is in the way: the common case. Its payload lies
   * in `bytes` from `start` to `end`, only during the call.
   *
   * @returns false: it must be offered as a frame.
   */
  tryNow(format: number, compression: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (compression !== 0 || !this.inbox.isIdle || end - start > this.#maxBodyBytes) return false;
    const body = isDataItself(format)
      ? this.ownMemory.take(bytes, start, end)
      : new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    let data: Data;
    try {
      data = decodePayload(format, body, this.#options.limits);
    } catch (error) {
      this.#handler!.rejected(error as Error);
      return true;
    }
    const handled = this.#handler!.message(data);
    if (typeof handled === 'object') {
      this.inbox.takeInHand(unfoldedBytes(format, body));
      this.inbox.wait(handled);
    }
    return true;
  }

  /** @throws PeerloomError `ERR_PROTOCOL`, `ERR_MESSAGE_TOO_LARGE`. */
  offer(frame: Frame): void {
    const { kind, body } = frame;
    if (body.length > this.#maxBodyBytes) {
      const message = `a message of ${body.length} bytes; at most ${this.#maxBodyBytes} are allowed`;
      throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
    }
    if (kind !== FrameKind.message) idOf(kind, body);
    this.inbox.offer(frame);
  }

  /** The link has ended: what has arrived is still handled, but nobody waits for answers. */
  end(): void {
    this.#ended = true;
    this.inbox.makeRoom();
  }

  /** What has arrived is handled no more. */
  clear(): void {
    this.inbox.clear();
    this.#options.turns.leave(this);
    this.#answers?.clear();
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

  #makeAnswers(): CompressedAnswers {
    const { limits, turns, isAwaited, onFailure } = this.#options;
    const answers = new CompressedAnswers({
      link: this.#brake.pedal(),
      limits,
      turns,
      isAwaited,
      onAnswer: (frame, payload) => this.#concludeAnswer(frame, payload),
      onFailure,
    });
    answers.inbox.onGrowth = this.#onGrowth;
    return answers;
  }

  #concludeAnswer(frame: Frame, payload: Outcome): void {
    this.#options.onAnswer(frame, this.#decode(frame, payload));
  }

  #decode(frame: Frame, payload: Outcome): Decoded | undefined {
    const { format } = frame;
    try {
      const given = payload();
      const plain = isDataItself(format) ? this.#owned(frame, given) : given;
      return { data: decodePayload(format, plain, this.#options.limits), format, plain };
    } catch (error) {
      this.#handler!.rejected(error as Error);
      // A few bytes can cost half a second here, which an attacker would repeat.
      if ((error as PeerloomError).code === 'ERR_DECOMPRESSION')
        this.#options.onAbuse(error as PeerloomError);
      return undefined;
    }
  }

  /** A payload that the user receives as it is, in memory of its own. */
  #owned({ compression }: Frame, payload: Uint8Array): Uint8Array {
    // Memory that was decompressed into holds nothing else of the connection, but may end with what nobody wrote.
    return compression === 0 ? this.ownMemory.takeWhole(payload) : alone(payload);
  }

  /** Runs the user's handler for a frame whose turn has come. */
  #handle(frame: Frame): undefined | Promise<unknown> {
    if (frame.kind === FrameKind.streamOpen) return void this.#options.onStream(frame, this.#handler!);
    if (this.#isMoot(frame)) return undefined;
    if (frame.compression === 0) return this.#handleNow(frame, () => payloadOf(frame));
    const { turns, limits } = this.#options;
    return this.inbox.heldWhile(frame.body.length, () =>
      turns.take(this, decompressionOf(frame, limits.maxMessageBytes), (payload) =>
        this.#isMoot(frame) ? undefined : this.#handleNow(frame, payload),
      ),
    );
  }

  /** Nobody waits for the answer any more. */
  #isMoot({ kind }: Frame): boolean {
    return this.#ended && kind === FrameKind.request;
  }

  #handleNow(frame: Frame, payload: Outcome): undefined | Promise<unknown> {
    const decoded = this.#decode(frame, payload);
    if (frame.kind === FrameKind.request) return this.#handleRequest(frame, decoded);
    if (frame.kind === FrameKind.deliver) return this.#handleDeliver(frame, decoded);
    if (decoded === undefined) return undefined;
    const handled = this.#takenInHand(decoded, this.#handler!.message(decoded.data));
    return typeof handled === 'object' ? handled : undefined;
  }

  #takenInHand<Result>({ format, plain }: Decoded, handled: Result): Result {
    if (typeof handled === 'object') this.inbox.takeInHand(unfoldedBytes(format, plain));
    return handled;
  }

  #handleDeliver({ kind, body }: Frame, decoded: Decoded | undefined): undefined | Promise<void> {
    const id = idOf(kind, body);
    if (decoded === undefined) return this.#fail(id, 'the message could not be decoded');
    const conclude = (isHandled: boolean | undefined): undefined => {
      if (isHandled) this.#options.answer(FrameKind.delivered, emptyPayload, id);
      else if (isHandled === false) this.#fail(id, 'a handler of the other side failed');
      else this.#fail(id, 'the other side has no handler for this message');
    };
    const fail = (error: unknown): undefined =>
      this.#failBecause(id, error, 'a handler of the other side failed');
    try {
      const handled = this.#takenInHand(decoded, this.#handler!.delivery(decoded.data));
      return typeof handled === 'object' ? handled.then(conclude, fail) : conclude(handled);
    } catch (error) {
      return fail(error);
    }
  }

  /** Requests are answered side by side: one that takes long holds up no other. */
  #handleRequest({ kind, body }: Frame, decoded: Decoded | undefined): undefined | Promise<void> {
    const id = idOf(kind, body);
    if (decoded === undefined) return this.#fail(id, 'the request could not be decoded');
    const { data, format, plain } = decoded;
    try {
      const answer = this.#handler!.request(data);
      if (!(answer instanceof Promise)) return this.#respond(id, answer);
      const heldBytes = unfoldedBytes(format, plain);
      const room = this.inbox.hold(heldBytes);
      answer
        .then((value) => this.#respond(id, value))
        .catch((error) => this.#failBecause(id, error, failedToAnswer))
        .finally(() => this.inbox.release(heldBytes));
      return room;
    } catch (error) {
      return this.#failBecause(id, error, failedToAnswer);
    }
  }

  /** Says why where the sender can mend it: by data that fits. All other errors are nobody's business but the user's. */
  #failBecause(id: number, error: unknown, otherwise: string): undefined {
    const isSchema = isPeerloomError(error) && error.code === 'ERR_SCHEMA';
    this.#fail(id, isSchema ? { code: error.code, message: error.message } : otherwise);
  }

  #respond(id: number, answer: Data | undefined): undefined {
    if (answer === undefined) return this.#fail(id, 'the other side returned no response to this request');
    try {
      this.#options.respond(id, answer);
    } catch (error) {
      this.#handler!.unanswerable(error);
      throw error;
    }
  }

  #fail(id: number, reason: string | { readonly code: string; readonly message: string }): undefined {
    this.#options.answer(FrameKind.failure, encodePayload(reason), id);
  }
}
