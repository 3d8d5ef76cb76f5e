import type { Data } from '../../base/data.ts';
import type { DecompressionTurns, Outcome } from '../../base/decompression-turns.ts';
import type { Limits } from '../../base/limits.ts';
import type { Runtime } from '../../base/runtime.ts';
import { FrameKind, idOf } from '../../wire/frames/frame.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { messageCostBytes } from '../../wire/frames/windows.ts';
import { decodePayload, isDataItself, type Payload, unfoldedBytes } from '../../wire/payloads/payload.ts';
import type { ChannelHandler, Handled } from '../channel.ts';
import { reasonOf, type SendAnswer, sendFailure } from './answering.ts';
import type { Decoded, FrameDecoder } from './frame-decoder.ts';
import { decompressionOf, payloadOf } from './frame-payload.ts';
import { HandlerWatch } from './handler-watch.ts';
import { costOf, Inbox } from './inbox.ts';
import { ReceiveWindow } from './receive-window.ts';

export interface IncomingMessagesOptions {
  readonly limits: Limits;
  readonly runtime: Runtime;
  /** Those of all connections of the node. */
  readonly turns: DecompressionTurns;
  readonly decoder: FrameDecoder;
  /** What the other side may send at first. */
  readonly windowBytes: number;
  /** Tells the other side how far it may send. */
  readonly grant: (position: number) => void;
  readonly answer: SendAnswer;
  /** Handling something that had to wait failed, but not in a handler of the user's. */
  readonly onFailure: (error: unknown) => void;
  /** A handler runs for long. */
  readonly onSlow: (handler: 'connected' | 'message', beganAtMs: number) => void;
}

const emptyPayload: Payload = { format: 0, compression: 0, body: new Uint8Array(0) };

const failed = 'a handler of the other side failed';

/** Messages and deliveries on their way to the user's handlers: one at a time and in their order. */
export class IncomingMessages {
  readonly inbox: Inbox;
  readonly #options: IncomingMessagesOptions;
  readonly #window: ReceiveWindow;
  readonly #watch: HandlerWatch<'connected' | 'message'>;
  readonly #maxBodyBytes: number;
  #handler: ChannelHandler | undefined;

  constructor(options: IncomingMessagesOptions) {
    const { runtime, windowBytes, grant, onFailure, onSlow } = options;
    this.#options = options;
    this.#maxBodyBytes = options.limits.maxMessageBytes;
    this.#window = new ReceiveWindow(windowBytes, grant);
    this.#watch = new HandlerWatch({ runtime, onSlow });
    this.inbox = new Inbox({
      runtime,
      handle: (frame) => this.#handle(frame),
      onFailure,
      onHandled: (costBytes) => {
        this.#watch.ended();
        this.#window.handled(costBytes);
      },
    });
  }

  /** The connect handler was called: messages wait until it has settled. */
  open(handler: ChannelHandler, connected: Handled): void {
    this.#handler = handler;
    if (typeof connected === 'object') this.#watch.began('connected');
    this.inbox.open(typeof connected === 'object' ? connected : undefined);
  }

  /**
   * Handles a message without an object for its frame, where nothing is in the way: the common case. Its payload lies
   * in `bytes` from `start` to `end`, only during the call. As nothing waits, the window has room for it.
   *
   * @returns false: it must be offered as a frame.
   */
  tryNow(format: number, compression: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (compression !== 0 || !this.inbox.isIdle || end - start > this.#maxBodyBytes) return false;
    const { decoder, limits } = this.#options;
    const body = isDataItself(format)
      ? decoder.ownMemory.take(bytes, start, end)
      : new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    const costBytes = end - start + messageCostBytes;
    let data: Data;
    try {
      data = decodePayload(format, body, limits);
    } catch (error) {
      this.#handler!.rejected(error as Error);
      this.#window.handled(costBytes);
      return true;
    }
    const handled = this.#handler!.message(data);
    if (typeof handled === 'object') {
      this.#takeInHand(format, body);
      this.inbox.wait(handled, costBytes);
    } else {
      this.#window.handled(costBytes);
    }
    return true;
  }

  /** @throws PeerloomError `ERR_PROTOCOL`. */
  offer(frame: Frame): void {
    this.#window.check(this.inbox.unhandledBytes);
    this.inbox.offer(frame);
  }

  /** Passes a message over: nobody wants it, but the other side may send the next one. */
  drop({ body }: Frame): void {
    this.#window.handled(costOf(body.length));
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
    if (frame.compression === 0) return this.#handleNow(frame, () => payloadOf(frame));
    const { turns, limits } = this.#options;
    return this.inbox.heldWhile(frame.body.length, () =>
      turns.take(this, decompressionOf(frame, limits.maxMessageBytes), (payload) =>
        this.#handleNow(frame, payload),
      ),
    );
  }

  #handleNow(frame: Frame, payload: Outcome): undefined | Promise<unknown> {
    const decoded = this.#options.decoder.decode(frame, payload);
    if (frame.kind === FrameKind.deliver) return this.#handleDelivery(frame, decoded);
    if (decoded === undefined) return undefined;
    const handled = this.#handler!.message(decoded.data);
    if (typeof handled !== 'object') return undefined;
    this.#takeInHand(decoded.format, decoded.plain);
    return handled;
  }

  #takeInHand(format: number, plain: Uint8Array): void {
    this.inbox.takeInHand(unfoldedBytes(format, plain));
    this.#watch.began('message');
  }

  #handleDelivery({ kind, body }: Frame, decoded: Decoded | undefined): undefined | Promise<void> {
    const { answer } = this.#options;
    const id = idOf(kind, body);
    if (decoded === undefined) return sendFailure(answer, id, 'the message could not be decoded');
    const conclude = (isHandled: boolean | undefined): undefined => {
      if (isHandled === true) answer(FrameKind.delivered, emptyPayload, id);
      else
        sendFailure(
          answer,
          id,
          isHandled === undefined ? 'the other side has no handler for this message' : failed,
        );
    };
    const fail = (error: unknown): undefined => sendFailure(answer, id, reasonOf(error, failed));
    try {
      const handled = this.#handler!.delivery(decoded.data);
      if (typeof handled !== 'object') return conclude(handled);
      this.#takeInHand(decoded.format, decoded.plain);
      return handled.then(conclude, fail);
    } catch (error) {
      return fail(error);
    }
  }
}
