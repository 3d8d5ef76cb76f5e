import { type ErrorCode, PeerloomError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import { Waiters } from '../../base/waiters.ts';
import { FrameKind, idBody, smallFrame } from '../../wire/frames/frame.ts';
import { type StreamAbort, streamAbortBody, streamCreditBody } from '../../wire/frames/stream-frames.ts';
import type { Piece } from '../send/frame-source.ts';
import { StreamReceiver } from './stream-receiver.ts';
import { StreamSender } from './stream-sender.ts';

/** The connection of a stream, as the stream uses it. */
export interface StreamHost {
  readonly limits: Limits;
  /** The largest window of a stream. */
  readonly windowShareBytes: number;
  /** Called with the bytes that are newly kept. */
  onGrowth(bytes: number): void;
  /** The stream may have frames to send. */
  wake(stream: ChannelStream): void;
  /** The stream is over, and its place is free. */
  remove(stream: ChannelStream): void;
  /** This side gives up a stream before the other side has answered. The other side is told, and the place is free. */
  withdraw(stream: ChannelStream): void;
}

interface Reader {
  readonly resolve: (bytes: Uint8Array | undefined) => void;
  readonly reject: (error: Error) => void;
}

const abortErrors: Record<StreamAbort['code'], ErrorCode> = {
  aborted: 'ERR_STREAM_ABORTED',
  limit: 'ERR_STREAM_LIMIT',
  handler: 'ERR_HANDLER',
};

/** The error of pending reads and writes. */
export function abortError({ code, message }: StreamAbort, cause?: unknown): PeerloomError {
  return new PeerloomError(abortErrors[code], message, cause === undefined ? {} : { cause });
}

/** A stream: an ordered flow of bytes in each direction, beside the messages of a connection. */
export class ChannelStream {
  readonly id: number;
  /** Bytes of each direction, for the log. */
  readonly counts = { sent: 0, received: 0 };
  readonly #host: StreamHost;
  readonly #sender: StreamSender;
  readonly #receiver: StreamReceiver;
  readonly #closed = Promise.withResolvers<void>();

  /**
   * `'asked'`: this side opens it and waits for the answer. `'offered'`: the other side opened it; not accepted yet.
   */
  #phase: 'asked' | 'offered' | 'open';
  #writing: 'open' | 'ending' | 'ended' = 'open';
  #reading: 'open' | 'ended' | 'failed' = 'open';
  #error: Error | undefined;
  /** This side's abort, until it is sent. */
  #abort: StreamAbort | undefined;
  #readers: Reader[] = [];
  readonly #drained = new Waiters();

  constructor(id: number, phase: 'asked' | 'offered', host: StreamHost) {
    this.id = id;
    this.#phase = phase;
    this.#host = host;
    this.#sender = new StreamSender(id);
    this.#receiver = new StreamReceiver(host.limits.streamWindowBytes);
    this.#closed.promise.catch(() => {});
  }

  /** Resolves when both directions have ended. Rejects with the error that broke the stream. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Memory of the data that waits to be read and to be sent. */
  get heldBytes(): number {
    return this.#receiver.heldBytes + this.#sender.heldBytes;
  }

  /** Whether the stream was broken off. */
  get hasFailed(): boolean {
    return this.#error !== undefined;
  }

  // What the user does.

  /** Resolves with the next bytes, or with `undefined` at the end. */
  read(): Promise<Uint8Array | undefined> {
    const bytes = this.#receiver.take();
    if (bytes !== undefined) {
      this.#afterRead();
      return Promise.resolve(bytes);
    }
    if (this.#reading === 'failed') return Promise.reject(this.#error!);
    if (this.#reading === 'ended') return Promise.resolve(undefined);
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  write(bytes: Uint8Array): boolean {
    if (this.#error !== undefined) throw this.#error;
    if (this.#writing !== 'open') {
      throw new PeerloomError(
        'ERR_STREAM_ENDED',
        `the stream ${this.id} was ended: write everything before end()`,
      );
    }
    const { queueMaxBytes, streamWindowBytes } = this.#host.limits;
    const { bufferedBytes } = this.#sender;
    if (bufferedBytes > 0 && bufferedBytes + bytes.length > queueMaxBytes) {
      throw new PeerloomError(
        'ERR_QUEUE_FULL',
        `${bufferedBytes} bytes of the stream wait to be sent, and ${bytes.length} more would exceed ${queueMaxBytes} (limits.queueMaxBytes): await drained() when write() returns false`,
      );
    }
    this.counts.sent += bytes.length;
    this.#host.onGrowth(this.#sender.write(bytes));
    this.#host.wake(this);
    return this.#sender.bufferedBytes < streamWindowBytes;
  }

  drained(): Promise<void> {
    return this.#isDrained() ? Promise.resolve() : this.#drained.wait();
  }

  end(): void {
    if (this.#writing !== 'open') return;
    this.#writing = 'ending';
    this.#host.wake(this);
  }

  /** Ends both directions, on both sides. */
  abort(reason: StreamAbort, cause?: unknown): void {
    if (this.#error !== undefined) {
      this.dropUnread(abortError(reason, cause));
      return;
    }
    if (this.#isOver()) return;
    this.#failAndDrop(abortError(reason, cause));
    // Otherwise a peer that never answers would occupy the place for ever.
    if (this.#phase === 'asked') {
      this.#host.withdraw(this);
      return;
    }
    this.#abort = reason;
    this.#host.wake(this);
  }

  // What the other side does.

  /** @throws PeerloomError `ERR_PROTOCOL`, as do the next three. */
  onData(data: Uint8Array): void {
    if (this.#error !== undefined) return;
    if (data.length === 0 || this.#reading !== 'open' || this.#phase !== 'open') {
      throw new PeerloomError('ERR_PROTOCOL', `the stream ${this.id} received data where none is allowed`);
    }
    this.counts.received += data.length;
    const keptBytes = this.#receiver.push(data);
    const reader = this.#readers.shift();
    if (reader === undefined) {
      this.#host.onGrowth(keptBytes);
      return;
    }
    reader.resolve(this.#receiver.take());
    this.#afterRead();
  }

  /** The first credit for this side's stream means that the other side has accepted it. */
  onCredit(bytes: number): void {
    if (this.#phase === 'asked') this.#phase = 'open';
    this.#sender.addCredit(bytes);
    this.#host.wake(this);
  }

  onEnd(): void {
    if (this.#error !== undefined) return;
    if (this.#reading !== 'open' || this.#phase !== 'open') {
      throw new PeerloomError('ERR_PROTOCOL', `the stream ${this.id} was ended a second time`);
    }
    this.#reading = 'ended';
    for (const { resolve } of this.#readers.splice(0)) resolve(undefined);
    this.#settle();
  }

  onAbort(error: Error): void {
    if (this.#error === undefined) this.#failAndDrop(error);
    this.#host.remove(this);
  }

  /** The connection is gone. What has arrived can still be read if `unread` is `'kept'`. */
  onConnectionClosed(error: Error, unread: 'kept' | 'dropped'): void {
    if (this.#error !== undefined) return;
    if (unread === 'dropped') {
      this.#failAndDrop(error);
      return;
    }
    if (this.#writing === 'ended' && this.#reading === 'ended') this.#closed.resolve();
    this.#fail(error);
  }

  /** Drops what has arrived and was not read, after the connection has ended. */
  dropUnread(error: Error): void {
    if (this.#receiver.isEmpty) return;
    this.#receiver.clear();
    this.#reading = 'failed';
    this.#error = error;
  }

  // What the connection does.

  /** Accepts a stream that the other side opened. */
  accept(): void {
    this.#phase = 'open';
    this.#host.wake(this);
  }

  /** The window to announce when this side opens the stream. */
  takeWindow(): number {
    return this.#receiver.takeCredit();
  }

  /** Whether a control frame waits. Before the stream is open, its frames wait too: they would overtake its opening. */
  get hasControl(): boolean {
    if (this.#phase === 'asked') return false;
    if (this.#error !== undefined) return this.#abort !== undefined;
    return this.hasCredit && this.#receiver.isCreditDue;
  }

  /** Whether credit waits that can be sent along with other frames. */
  get hasCredit(): boolean {
    const isReceiving = this.#phase === 'open' && this.#reading === 'open';
    return isReceiving && this.#receiver.hasCredit;
  }

  /** Takes the frame for {@link ChannelStream.hasControl} or {@link ChannelStream.hasCredit}. */
  takeControl(): Uint8Array {
    if (this.#abort !== undefined) {
      this.#host.remove(this);
      return smallFrame(FrameKind.streamAbort, streamAbortBody(this.id, this.#abort));
    }
    this.#receiver.adapt(this.#host.windowShareBytes);
    return smallFrame(FrameKind.streamCredit, streamCreditBody(this.id, this.#receiver.takeCredit()));
  }

  /** Whether a frame with data, or with the end of the data, can be sent. */
  get hasData(): boolean {
    if (this.#phase !== 'open' || this.#error !== undefined) return false;
    return this.#sender.canSend || (this.#writing === 'ending' && this.#sender.bufferedBytes === 0);
  }

  /** Takes the frame for {@link ChannelStream.hasData}. */
  takeData(): Piece {
    if (this.#sender.bufferedBytes > 0) {
      const piece = this.#sender.take();
      if (this.#isDrained()) this.#drained.wake();
      return piece;
    }
    this.#writing = 'ended';
    this.#settle();
    return { bytes: smallFrame(FrameKind.streamEnd, idBody(this.id)) };
  }

  #isDrained(): boolean {
    const isOpen = this.#error === undefined && this.#writing === 'open';
    return !isOpen || this.#sender.bufferedBytes <= this.#host.limits.streamWindowBytes / 2;
  }

  #afterRead(): void {
    if (this.hasControl) this.#host.wake(this);
    this.#settle();
  }

  #isOver(): boolean {
    return this.#writing === 'ended' && this.#reading === 'ended' && this.#receiver.isEmpty;
  }

  #settle(): void {
    if (this.#error !== undefined || !this.#isOver()) return;
    this.#closed.resolve();
    this.#host.remove(this);
  }

  /** Fails the stream and drops what has arrived. */
  #failAndDrop(error: Error): void {
    this.#receiver.clear();
    this.#reading = 'failed';
    this.#fail(error);
  }

  #fail(error: Error): void {
    this.#error = error;
    this.#sender.clear();
    if (this.#reading === 'open') this.#reading = 'failed';
    for (const { reject } of this.#readers.splice(0)) reject(error);
    this.#drained.wake();
    this.#closed.reject(error);
  }
}
