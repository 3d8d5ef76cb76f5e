import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { peerLabel } from '../base/peer-label.ts';
import type { Runtime } from '../base/runtime.ts';
import type { Channel, SendOptions } from '../channel/channel.ts';
import { PendingAnswers, type WaitOptions } from '../channel/pending.ts';
import { checkSendOptions } from '../channel/send/shared-encoding.ts';
import type { Goodbye } from '../wire/frames/goodbye.ts';
import { dataFromBytes, dataToBytes } from './data-bytes.ts';
import { type Envelope, PendingEnvelope } from './envelope.ts';
import { type Dispatch, Outbox } from './outbox.ts';

export interface DelayedSendsOptions {
  readonly channel: Channel;
  readonly limits: Limits;
  readonly runtime: Runtime;
  /** Called with the size of each envelope that begins to wait. */
  readonly onGrowth: (bytes: number) => void;
  /** Called when a message that was accepted cannot be sent. Failures of the signer are reported elsewhere. */
  readonly onUnsendable: (error: Error) => void;
}

/** A call over a channel, such as a request. */
export interface DelayedCall<Result> {
  /** The name of the call in errors. */
  readonly what: string;
  readonly options: WaitOptions | undefined;
  /** Begins the call. It may throw if nothing was sent. */
  readonly begin: (signed: Envelope, left: WaitOptions) => Promise<Result>;
}

/** Milliseconds for which a connection that this side closes waits for signatures. */
const closeFlushMs = 5_000;

/** What one connection still has to send once it is signed. It is used if the node's key signs asynchronously. */
export class DelayedSends {
  readonly #options: DelayedSendsOptions;
  readonly #outbox: Outbox;
  /** The calls whose envelopes wait for signatures, and the calls that have begun. */
  readonly #calls: PendingAnswers<unknown>;
  /** The number of messages that were not sent because the connection ended. */
  #unsentCount = 0;
  #isClosing = false;

  constructor(options: DelayedSendsOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options);
    this.#calls = new PendingAnswers(options.runtime);
  }

  get isWaiting(): boolean {
    return this.#outbox.isWaiting;
  }

  /** Whether the connection will close as soon as nothing waits. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  get heldBytes(): number {
    return this.#outbox.heldBytes;
  }

  /**
   * Sends a message when it is signed, after everything that already waits.
   *
   * @returns false if the queue is above the high-water mark.
   * @throws TypeError for wrong options; the errors of {@link DelayedSends.add}.
   */
  send(envelope: Envelope | PendingEnvelope, options: SendOptions | undefined): boolean {
    const { channel, onUnsendable } = this.#options;
    if (options !== undefined) checkSendOptions(options);
    return this.add(envelope, {
      send: (signed) => channel.send(signed, options),
      failed: (error) => {
        const { code } = error as PeerloomError;
        if (code === 'ERR_CONNECTION_CLOSED') this.#unsentCount += 1;
        else if (code !== 'ERR_SIGNER') onUnsendable(error);
      },
    });
  }

  /**
   * Begins a call when its envelope is signed. The call's timeout starts now. If the call fails before it is signed, it
   * is not begun.
   *
   * @throws TypeError or RangeError for wrong options, PeerloomError `ERR_ABORTED`; the errors of
   * {@link DelayedSends.add}.
   */
  call<Result>(envelope: Envelope | PendingEnvelope, call: DelayedCall<Result>): Promise<Result> {
    const { what, options } = call;
    return this.#calls.call(what, options, (id) => {
      this.add(envelope, {
        send: (signed) => this.#begin(id, signed, call),
        failed: (error) => this.#calls.fail(id, error as PeerloomError),
      });
    }) as Promise<Result>;
  }

  /** @throws PeerloomError `ERR_QUEUE_FULL`, `ERR_CONNECTION_CLOSED`. */
  add(envelope: Envelope | PendingEnvelope, dispatch: Dispatch): boolean {
    if (!this.#options.channel.isOpen || this.#isClosing) throw this.#closedError('connect again');
    if (envelope instanceof PendingEnvelope) return this.#outbox.add(envelope, envelope.bytes, dispatch);
    // A copy, as for envelopes that wait for their signatures: changes that the caller makes later have no effect.
    const bytes = dataToBytes(envelope);
    return this.#outbox.add(dataFromBytes(bytes) as unknown as Envelope, bytes.length, dispatch);
  }

  /** Resolves when `send` would return true again, or the connection has closed. */
  async drained(): Promise<void> {
    await this.#outbox.drained();
    await this.#options.channel.drained();
  }

  /** Closes the channel when everything that waits has been sent, or after `closeFlushMs`. */
  async close(goodbye: Goodbye): Promise<void> {
    const { channel, runtime } = this.#options;
    this.#isClosing = true;
    const late = Promise.withResolvers<void>();
    const deadline = runtime.setTimeout(late.resolve, closeFlushMs);
    await Promise.race([this.#outbox.flushed(), late.promise]);
    deadline.cancel();
    if (channel.isOpen) channel.close(goodbye);
  }

  /** Called when the connection has closed. */
  end(reason: string): void {
    this.#outbox.close(this.#closedError(reason));
    const count = this.#unsentCount;
    if (count === 0) return;
    this.#options.onUnsendable(
      this.#closedError(`${reason}; messages that were not signed before: ${count}`),
    );
  }

  #begin<Result>(id: number, signed: Envelope, { options, begin }: DelayedCall<Result>): true {
    const call = this.#calls.get(id);
    if (call === undefined) return true;
    const leftMs = call.calledAtMs + call.timeoutMs - this.#options.runtime.now();
    begin(signed, { timeoutMs: Math.max(leftMs, 1), signal: options?.signal }).then(
      (result) => this.#calls.answer(id, result),
      (error) => this.#calls.fail(id, error),
    );
    return true;
  }

  #closedError(hint: string): PeerloomError {
    const message = `the connection with ${peerLabel(this.#options.channel.remote)} is closed: ${hint}`;
    return new PeerloomError('ERR_CONNECTION_CLOSED', message);
  }
}
