import type { Data } from '../../base/data.ts';
import { idBytes, idOf, readUint32 } from '../../wire/frames/frame.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import { Lane } from '../../wire/frames/windows.ts';
import { unfoldedBytes } from '../../wire/payloads/payload.ts';
import type { ChannelHandler } from '../channel.ts';
import { reasonOf, sendFailure } from './answering.ts';
import { costOf } from './inbox.ts';
import { type Decoded, isSlowAt, partOf } from './payload-reader.ts';
import { type LaneHost, ReceiveLane } from './receive-lane.ts';

export interface RequestsHost extends LaneHost {
  /** Sends the user's answer. Throws as `send` does if the data cannot be sent. */
  respond(id: number, data: Data): void;
}

const failed = 'the other side failed to answer this request';

/**
 * Hands requests to the user's handlers as they arrive, also while other handlers run. The number and the size of
 * requests that are handled at once are limited; further requests wait.
 */
export class IncomingRequests extends ReceiveLane {
  declare protected readonly host: RequestsHost;
  readonly #maxBodyBytes: number;
  #hasEnded = false;
  /** Handlers that have not settled. */
  #runningCount = 0;
  /** How much of the window their requests take up. */
  #runningCostBytes = 0;
  /** The memory that their requests hold. */
  #runningBytes = 0;
  #onRoom: (() => void) | undefined;

  constructor(host: RequestsHost, windowBytes: number) {
    super(host, Lane.requests, windowBytes);
    this.#maxBodyBytes = host.limits.maxMessageBytes + idBytes;
  }

  get heldBytes(): number {
    return this.inbox.heldBytes + this.#runningBytes;
  }

  protected get unhandledBytes(): number {
    return this.inbox.waitingBytes + this.#runningCostBytes;
  }

  /** The connect handler was called. Requests wait for nothing else. */
  open(handler: ChannelHandler): void {
    this.handler = handler;
    this.inbox.open(undefined);
  }

  /**
   * Handles an uncompressed request that need not wait, without creating a frame object. Its body is in `bytes` from
   * `start` to `end`, during this call only.
   *
   * @returns false if the request must be offered as a frame.
   */
  tryNow(format: number, bytes: Uint8Array, start: number, end: number): boolean {
    const bodyBytes = end - start;
    if (!this.inbox.isIdle || this.#hasEnded || bodyBytes < idBytes || bodyBytes > this.#maxBodyBytes) {
      return false;
    }
    if (isSlowAt(format, bytes, start + idBytes, end)) return false;
    this.window.check(this.unhandledBytes);
    const id = readUint32(bytes, start);
    const data = this.host.payloads.dataAt(format, bytes, start + idBytes, end);
    const running = this.#begin(id, costOf(bodyBytes), data);
    if (running === undefined) return true;
    const plain = partOf(bytes, start + idBytes, end);
    const pending = this.#follow(running, {
      id,
      costBytes: costOf(bodyBytes),
      heldBytes: unfoldedBytes(format, plain),
    });
    if (pending !== undefined) this.inbox.wait(pending, costOf(bodyBytes));
    return true;
  }

  /** The link has ended, and no answer can be sent. */
  end(): void {
    this.#hasEnded = true;
    this.#makeRoom();
  }

  isWanted(): boolean {
    return !this.#hasEnded;
  }

  receive({ kind, body }: Frame, decoded: Decoded | undefined): undefined | Promise<void> {
    const id = idOf(kind, body);
    const costBytes = costOf(body.length);
    const running = this.#begin(id, costBytes, decoded?.data);
    if (running === undefined) return undefined;
    const { format, plain } = decoded!;
    return this.#follow(running, { id, costBytes, heldBytes: unfoldedBytes(format, plain) });
  }

  /**
   * Calls the handlers. If they return an answer at once, sends it at once.
   *
   * @param data `undefined` if the request could not be decoded.
   * @returns a promise of the answer, if the handlers do not settle at once.
   */
  #begin(id: number, costBytes: number, data: Data | undefined): undefined | Promise<Data | undefined> {
    try {
      if (data === undefined) {
        sendFailure(this.host, id, 'the request could not be decoded');
      } else {
        const answered = this.handler!.request(data);
        if (answered instanceof Promise) return answered;
        this.#respond(id, answered);
      }
    } catch (error) {
      sendFailure(this.host, id, reasonOf(error, failed));
    }
    this.window.handled(costBytes);
    return undefined;
  }

  /**
   * Answers once the handlers have settled. @returns a promise of room for another request, if there is no room now.
   */
  #follow(
    running: Promise<Data | undefined>,
    { id, costBytes, heldBytes }: { id: number; costBytes: number; heldBytes: number },
  ): undefined | Promise<void> {
    this.#hold(heldBytes, costBytes);
    running
      .then((value) => this.#respond(id, value))
      .catch((error: unknown) => sendFailure(this.host, id, reasonOf(error, failed)))
      .finally(() => this.#release(heldBytes, costBytes));
    return this.#room();
  }

  #respond(id: number, answer: Data | undefined): undefined {
    if (answer === undefined) {
      return sendFailure(this.host, id, 'the other side returned no response to this request');
    }
    try {
      this.host.respond(id, answer);
    } catch (error) {
      this.handler!.unanswerable(error);
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
    this.window.handled(costBytes);
    if (this.#hasRoom) this.#makeRoom();
  }

  get #hasRoom(): boolean {
    const { maxRequests, unhandledMaxBytes } = this.host.limits;
    return this.#runningCount < maxRequests && this.#runningBytes <= unhandledMaxBytes;
  }

  #room(): undefined | Promise<void> {
    if (this.#hasRoom) return undefined;
    this.began('request');
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  #makeRoom(): void {
    this.ended();
    this.#onRoom?.();
    this.#onRoom = undefined;
  }
}
