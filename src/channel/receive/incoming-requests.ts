import type { Data } from '../../base/data.ts';
import type { DecompressionTurns, Outcome } from '../../base/decompression-turns.ts';
import type { Limits } from '../../base/limits.ts';
import type { Runtime } from '../../base/runtime.ts';
import { idOf } from '../../wire/frames/frame.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { unfoldedBytes } from '../../wire/payloads/payload.ts';
import type { ChannelHandler } from '../channel.ts';
import { reasonOf, type SendAnswer, sendFailure } from './answering.ts';
import type { FrameDecoder } from './frame-decoder.ts';
import { decompressionOf, payloadOf } from './frame-payload.ts';
import { HandlerWatch } from './handler-watch.ts';
import { costOf, Inbox } from './inbox.ts';
import { ReceiveWindow } from './receive-window.ts';

export interface IncomingRequestsOptions {
  readonly limits: Limits;
  readonly runtime: Runtime;
  /** Those of all connections of the node. */
  readonly turns: DecompressionTurns;
  readonly decoder: FrameDecoder;
  /** What the other side may send at first. */
  readonly windowBytes: number;
  /** Tells the other side how far it may send. */
  readonly grant: (position: number) => void;
  /** Sends an answer of the user's. May throw what `send` throws for data that cannot be sent. */
  readonly respond: (id: number, data: Data) => void;
  readonly answer: SendAnswer;
  /** Handling something that had to wait failed, but not in a handler of the user's. */
  readonly onFailure: (error: unknown) => void;
  /** Requests wait for long, because handlers run for long. */
  readonly onSlow: (handler: 'request', beganAtMs: number) => void;
}

const failed = 'the other side failed to answer this request';

/**
 * Requests on their way to the user's handlers: as they arrive, whatever else runs, and side by side. Only so many are
 * in hand at once, and only so much; the others wait.
 */
export class IncomingRequests {
  readonly inbox: Inbox;
  readonly #options: IncomingRequestsOptions;
  readonly #window: ReceiveWindow;
  readonly #watch: HandlerWatch<'request'>;
  #handler: ChannelHandler | undefined;
  #hasEnded = false;
  /** Handlers that have not settled. */
  #runningCount = 0;
  /** What their requests cost of the window. */
  #runningCostBytes = 0;
  /** What their requests hold. */
  #runningBytes = 0;
  #onRoom: (() => void) | undefined;

  constructor(options: IncomingRequestsOptions) {
    const { runtime, windowBytes, grant, onFailure, onSlow } = options;
    this.#options = options;
    this.#window = new ReceiveWindow(windowBytes, grant);
    this.#watch = new HandlerWatch({ runtime, onSlow });
    this.inbox = new Inbox({ runtime, handle: (frame) => this.#handle(frame), onFailure });
  }

  get heldBytes(): number {
    return this.inbox.heldBytes + this.#runningBytes;
  }

  /** The connect handler was called, which is all that requests wait for. */
  open(handler: ChannelHandler): void {
    this.#handler = handler;
    this.inbox.open(undefined);
  }

  /** @throws PeerloomError `ERR_PROTOCOL`. */
  offer(frame: Frame): void {
    this.#window.check(this.inbox.waitingBytes + this.#runningCostBytes);
    this.inbox.offer(frame);
  }

  /** Passes a request over: nobody waits for its answer, but the other side may send what follows. */
  drop({ body }: Frame): void {
    this.#window.handled(costOf(body.length));
  }

  /** The link has ended: nobody waits for answers. */
  end(): void {
    this.#hasEnded = true;
    this.#makeRoom();
  }

  /** What has arrived is handled no more. */
  clear(): void {
    this.#window.handled(this.inbox.clear());
    this.#options.turns.leave(this);
  }

  /** The user has heard the last of the connection. */
  close(): void {
    this.#watch.close();
  }

  #handle(frame: Frame): undefined | Promise<unknown> {
    if (this.#hasEnded) return undefined;
    if (frame.compression === 0) return this.#handleNow(frame, () => payloadOf(frame));
    const { turns, limits } = this.#options;
    return this.inbox.heldWhile(frame.body.length, () =>
      turns.take(this, decompressionOf(frame, limits.maxMessageBytes), (payload) =>
        this.#hasEnded ? undefined : this.#handleNow(frame, payload),
      ),
    );
  }

  /** @returns a promise of room for another one, where there is none. */
  #handleNow(frame: Frame, payload: Outcome): undefined | Promise<void> {
    const { answer, decoder } = this.#options;
    const costBytes = costOf(frame.body.length);
    const id = idOf(frame.kind, frame.body);
    const decoded = decoder.decode(frame, payload);
    let answered: Data | undefined | Promise<Data | undefined>;
    try {
      if (decoded === undefined) {
        sendFailure(answer, id, 'the request could not be decoded');
      } else {
        answered = this.#handler!.request(decoded.data);
        if (!(answered instanceof Promise)) this.#respond(id, answered);
      }
    } catch (error) {
      sendFailure(answer, id, reasonOf(error, failed));
    }
    if (decoded === undefined || !(answered instanceof Promise)) {
      this.#window.handled(costBytes);
      return undefined;
    }
    const heldBytes = unfoldedBytes(decoded.format, decoded.plain);
    this.#hold(heldBytes, costBytes);
    answered
      .then((value) => this.#respond(id, value))
      .catch((error: unknown) => sendFailure(answer, id, reasonOf(error, failed)))
      .finally(() => this.#release(heldBytes, costBytes));
    return this.#room();
  }

  #respond(id: number, answer: Data | undefined): undefined {
    if (answer === undefined) {
      return sendFailure(this.#options.answer, id, 'the other side returned no response to this request');
    }
    try {
      this.#options.respond(id, answer);
    } catch (error) {
      this.#handler!.unanswerable(error);
      throw error;
    }
  }

  #hold(heldBytes: number, costBytes: number): void {
    this.#runningCount += 1;
    this.#runningBytes += heldBytes;
    this.#runningCostBytes += costBytes;
    this.inbox.onGrowth(heldBytes);
  }

  #release(heldBytes: number, costBytes: number): void {
    this.#runningCount -= 1;
    this.#runningBytes -= heldBytes;
    this.#runningCostBytes -= costBytes;
    this.#window.handled(costBytes);
    if (this.#hasRoom) this.#makeRoom();
  }

  get #hasRoom(): boolean {
    const { maxRequests, unhandledMaxBytes } = this.#options.limits;
    return this.#runningCount < maxRequests && this.#runningBytes <= unhandledMaxBytes;
  }

  #room(): undefined | Promise<void> {
    if (this.#hasRoom) return undefined;
    this.#watch.began('request');
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  #makeRoom(): void {
    this.#watch.ended();
    this.#onRoom?.();
    this.#onRoom = undefined;
  }
}
