import type { Data } from '../../base/data.ts';
import { FrameKind, idOf } from '../../wire/frames/frame.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { Lane, messageCostBytes } from '../../wire/frames/windows.ts';
import { type Payload, unfoldedBytes } from '../../wire/payloads/payload.ts';
import type { ChannelHandler, Handled } from '../channel.ts';
import { reasonOf, sendFailure } from './answering.ts';
import { type Decoded, isSlowAt, partOf } from './payload-reader.ts';
import { type LaneHost, ReceiveLane } from './receive-lane.ts';

const emptyPayload: Payload = { format: 0, compression: 0, body: new Uint8Array(0) };

const failed = 'a handler of the other side failed';

/** Hands messages and deliveries to the user's handlers, one at a time and in order. */
export class IncomingMessages extends ReceiveLane {
  readonly #maxBodyBytes: number;

  constructor(host: LaneHost, windowBytes: number) {
    super(host, Lane.messages, windowBytes);
    this.#maxBodyBytes = host.limits.maxMessageBytes;
  }

  protected get unhandledBytes(): number {
    return this.inbox.unhandledBytes;
  }

  /** The connect handler was called. Messages wait until it has settled. */
  open(handler: ChannelHandler, connected: Handled): void {
    this.handler = handler;
    if (typeof connected === 'object') this.began('connected');
    this.inbox.open(typeof connected === 'object' ? connected : undefined);
  }

  /**
   * Handles an uncompressed message that need not wait, without creating a frame object: the common case. Its payload
   * is in `bytes` from `start` to `end`, during this call only. Since nothing waits, the window has room for it.
   *
   * @returns false if the message must be offered as a frame.
   */
  tryNow(format: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.inbox.isIdle || end - start > this.#maxBodyBytes) return false;
    if (isSlowAt(format, bytes, start, end)) return false;
    const data = this.host.payloads.dataAt(format, bytes, start, end);
    const handled = data === undefined || this.handler!.message(data);
    const costBytes = end - start + messageCostBytes;
    if (typeof handled === 'object') {
      this.#takeInHand(format, partOf(bytes, start, end));
      this.inbox.wait(handled, costBytes);
    } else {
      this.window.handled(costBytes);
    }
    return true;
  }

  /** The same for a message that arrived as data. It counts as `bytes`. */
  tryData(data: Data, bytes: number): boolean {
    if (!this.inbox.isIdle) return false;
    const handled = this.handler!.message(data);
    const costBytes = bytes + messageCostBytes;
    if (typeof handled === 'object') {
      this.inbox.takeInHand(bytes);
      this.began('message');
      this.inbox.wait(handled, costBytes);
    } else {
      this.window.handled(costBytes);
    }
    return true;
  }

  isWanted(): boolean {
    return true;
  }

  receive(frame: Frame, decoded: Decoded | undefined): undefined | Promise<unknown> {
    if (frame.kind === FrameKind.deliver) return this.#handleDelivery(frame, decoded);
    if (decoded === undefined) return undefined;
    const handled = this.handler!.message(decoded.data);
    if (typeof handled !== 'object') return undefined;
    this.#takeInHand(decoded.format, decoded.plain);
    return handled;
  }

  onHandled(costBytes: number): void {
    this.ended();
    this.window.handled(costBytes);
  }

  #takeInHand(format: number, plain: Uint8Array): void {
    this.inbox.takeInHand(unfoldedBytes(format, plain));
    this.began('message');
  }

  #handleDelivery({ kind, body }: Frame, decoded: Decoded | undefined): undefined | Promise<void> {
    const { host } = this;
    const id = idOf(kind, body);
    if (decoded === undefined) return sendFailure(host, id, 'the message could not be decoded');
    const conclude = (isHandled: boolean | undefined): undefined => {
      if (isHandled === true) host.answer(FrameKind.delivered, emptyPayload, id);
      else
        sendFailure(
          host,
          id,
          isHandled === undefined ? 'the other side has no handler for this message' : failed,
        );
    };
    const fail = (error: unknown): undefined => sendFailure(host, id, reasonOf(error, failed));
    try {
      const handled = this.handler!.delivery(decoded.data);
      if (typeof handled !== 'object') return conclude(handled);
      this.#takeInHand(decoded.format, decoded.plain);
      return handled.then(conclude, fail);
    } catch (error) {
      return fail(error);
    }
  }
}
