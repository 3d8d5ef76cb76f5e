import { messageOf } from '../../base/arguments.ts';
import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import type { Runtime } from '../../base/runtime.ts';
import { FrameKind, idBytes, idOf, smallFrame } from '../../wire/frames/frame.ts';
import type { Frame } from '../../wire/frames/frame-reader.ts';
import type { Hello } from '../../wire/frames/hello.ts';
import { joined } from '../../wire/frames/memory.ts';
import { copyOf } from '../../wire/frames/own-memory.ts';
import {
  decodeStreamAbort,
  decodeStreamCredit,
  decodeStreamOpen,
  encodeStreamOpen,
  maxStreamHeaderBytes,
  openPrefixBytes,
  type StreamAbort,
  streamAbortBody,
} from '../../wire/frames/stream-frames.ts';
import { decodePayload, encodePayload, type Payload } from '../../wire/payloads/payload.ts';
import type { ChannelHandler } from '../channel.ts';
import { PendingAnswers, type WaitOptions } from '../pending.ts';
import type { FrameSource, Piece } from '../send/frame-source.ts';
import type { Outgoing } from '../send/outgoing.ts';
import type { Trace } from '../trace.ts';
import { abortError, ChannelStream, type StreamHost } from './stream.ts';

export interface StreamsOptions {
  /** Each side numbers its own streams: the dialler uses odd numbers, the listener even ones. */
  readonly direction: 'inbound' | 'outbound';
  readonly outgoing: Outgoing;
  readonly theirs: Pick<Hello, 'maxMessageBytes'>;
  readonly limits: Limits;
  readonly runtime: Runtime;
  readonly trace: Trace;
}

/** The largest window of a stream that is read as fast as it arrives, and the sum of all windows. */
const maxWindowBytes = 8 * 1024 * 1024;
const sharedWindowBytes = 16 * 1024 * 1024;

/** The most refusals that may wait to be sent to a peer that does not read. */
const maxWaitingRefusals = 16_384;

const maxId = 2 ** 32 - 1;

/** Its message is short, because one may wait for each stream that the peer opens. */
const withdrawn: StreamAbort = {
  code: 'aborted',
  message: 'the side that opened the stream gave up waiting',
};

/** Control frames of streams are joined up to this size. */
const maxControlBytes = 16 * 1024;

/**
 * The streams of a connection. When the link has room, it is given control frames first, then data: one frame of each
 * stream in turn.
 */
export class Streams implements StreamHost, FrameSource {
  readonly limits: Limits;
  onGrowth: (bytes: number) => void = () => {};
  readonly #options: StreamsOptions;
  /** All streams that take up a place, whichever side opened them. */
  readonly #streams = new Map<number, ChannelStream>();
  readonly #withControl = new Set<ChannelStream>();
  readonly #withData = new Set<ChannelStream>();
  #refused: number[] = [];
  /** This side's streams that wait for the other side's answer. The n-th opening is this side's n-th stream. */
  readonly #openings: PendingAnswers<void>;
  #lastTheirId = 0;

  constructor(options: StreamsOptions) {
    this.limits = options.limits;
    this.#options = options;
    this.#openings = new PendingAnswers(options.runtime);
    options.outgoing.source = this;
  }

  /**
   * Opens a stream. Resolves when the other side has accepted it.
   *
   * @throws PeerloomError `ERR_STREAM_LIMIT`, `ERR_HANDLER`, `ERR_MESSAGE_TOO_LARGE`, `ERR_QUEUE_FULL`,
   * `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_CONNECTION_CLOSED`; TypeError if no message can hold the header.
   */
  async open(header: Data, options?: WaitOptions): Promise<ChannelStream> {
    const payload = this.#encodeHeader(header);
    const { maxStreams } = this.limits;
    if (this.#streams.size >= maxStreams) {
      throw new PeerloomError(
        'ERR_STREAM_LIMIT',
        `the connection has ${maxStreams} streams (limits.maxStreams): each keeps its place until both sides have ended it and read it to the end, or one side has aborted it`,
      );
    }
    let stream: ChannelStream | undefined;
    try {
      await this.#openings.call('openStream', options, (id) => {
        const opening = new ChannelStream(this.#idOf(id), 'asked', this);
        const body = encodeStreamOpen(opening.takeWindow(), payload);
        this.#options.outgoing.sendFreely(FrameKind.streamOpen, body, opening.id);
        this.#streams.set(opening.id, opening);
        stream = opening;
      });
      return stream!;
    } catch (error) {
      stream?.abort({ code: 'aborted', message: messageOf(error) }, error);
      throw error;
    }
  }

  /**
   * The other side opens a stream.
   *
   * @returns false if there is no place for it; the stream is refused.
   * @throws PeerloomError `ERR_PROTOCOL`.
   */
  onOpen({ kind, body }: Frame): boolean {
    const id = idOf(kind, body);
    const { windowBytes } = decodeStreamOpen(body);
    if (this.#isOurs(id) || id <= this.#lastTheirId) {
      throw new PeerloomError('ERR_PROTOCOL', `a stream cannot be opened with the number ${id}`);
    }
    this.#lastTheirId = id;
    if (this.#streams.size >= this.limits.maxStreams) {
      this.#refuse(id);
      return false;
    }
    const stream = new ChannelStream(id, 'offered', this);
    this.#streams.set(id, stream);
    stream.onCredit(windowBytes);
    return true;
  }

  /** Hands a stream that the other side opened to the user. */
  offer({ kind, format, compression, body }: Frame, handler: ChannelHandler): void {
    const stream = this.#streams.get(idOf(kind, body));
    if (stream === undefined || stream.hasFailed) return;
    let header: Data;
    try {
      if (compression !== 0)
        throw new PeerloomError('ERR_MESSAGE_INVALID', 'the header of a stream is compressed');
      header = decodePayload(format, copyOf(decodeStreamOpen(body).header), this.limits);
    } catch (error) {
      handler.rejected(error as Error);
      stream.abort({ code: 'aborted', message: 'the header of the stream could not be decoded' });
      return;
    }
    const conclude = (isHandled: boolean | undefined): void => {
      if (isHandled === true) return;
      const message =
        isHandled === undefined
          ? 'the other side has no handler for streams'
          : 'a handler of the other side failed';
      stream.abort({ code: 'handler', message });
    };
    const handled = handler.stream(header, stream);
    if (handled !== undefined) stream.accept();
    if (typeof handled === 'object') void handled.then(conclude);
    else conclude(handled);
  }

  /**
   * Handles all other frames of streams. Frames of unknown streams are skipped: they were on their way when the stream
   * was given up.
   *
   * @throws PeerloomError `ERR_PROTOCOL`.
   */
  onFrame({ kind, body }: Frame): void {
    const id = idOf(kind, body);
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    switch (kind) {
      case FrameKind.streamData:
        stream.onData(body.subarray(idBytes));
        break;
      case FrameKind.streamCredit:
        stream.onCredit(decodeStreamCredit(body));
        if (this.#isOurs(id)) this.#openings.answer(this.#questionOf(id), undefined);
        break;
      case FrameKind.streamEnd:
        stream.onEnd();
        break;
      case FrameKind.streamAbort: {
        const error = abortError(decodeStreamAbort(body));
        stream.onAbort(error);
        if (this.#isOurs(id)) this.#openings.fail(this.#questionOf(id), error);
      }
    }
  }

  /**
   * The connection is gone. Nothing is sent any more.
   *
   * @returns the streams that still hold unread data.
   */
  close(reason: () => PeerloomError, unread: 'kept' | 'dropped' = 'kept'): readonly ChannelStream[] {
    this.#openings.failAll(reason);
    this.#refused = [];
    if (this.#streams.size === 0) return [];
    const error = reason();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    this.#withControl.clear();
    this.#withData.clear();
    for (const stream of streams) stream.onConnectionClosed(error, unread);
    return streams.filter(({ heldBytes }) => heldBytes > 0);
  }

  /** The memory of all streams' waiting data. */
  get heldBytes(): number {
    let bytes = 0;
    for (const stream of this.#streams.values()) bytes += stream.heldBytes;
    return bytes;
  }

  get windowShareBytes(): number {
    const share = Math.min(maxWindowBytes, Math.floor(sharedWindowBytes / this.#streams.size));
    return Math.max(this.limits.streamWindowBytes, share);
  }

  wake(stream: ChannelStream): void {
    if (this.#streams.get(stream.id) !== stream) return;
    if (stream.hasControl) this.#withControl.add(stream);
    if (stream.hasData) this.#withData.add(stream);
    else this.#withData.delete(stream);
    if (this.isReady) this.#options.outgoing.wake();
  }

  remove(stream: ChannelStream): void {
    const { trace } = this.#options;
    if (this.#streams.delete(stream.id) && trace.enabled) trace.streamOver(stream.id, stream.counts);
    this.#withControl.delete(stream);
    this.#withData.delete(stream);
  }

  withdraw(stream: ChannelStream): void {
    // Queued after the opening, which may still wait to be sent.
    this.#options.outgoing.sendOwn(FrameKind.streamAbort, streamAbortBody(stream.id, withdrawn));
    this.remove(stream);
  }

  get isReady(): boolean {
    return this.#withData.size > 0 || this.#withControl.size > 0 || this.#refused.length > 0;
  }

  nextPiece(): Piece {
    if (this.#withControl.size > 0 || this.#refused.length > 0) return { bytes: this.#takeControl() };
    const [stream] = this.#withData as Iterable<ChannelStream> as [ChannelStream];
    this.#withData.delete(stream);
    const piece = stream.takeData();
    if (stream.hasData) this.#withData.add(stream);
    return piece;
  }

  #takeControl(): Uint8Array {
    const frames: Uint8Array[] = [];
    let bytes = 0;
    const add = (frame: Uint8Array): void => {
      frames.push(frame);
      bytes += frame.length;
    };
    while (bytes < maxControlBytes && this.#refused.length > 0) {
      const body = streamAbortBody(this.#refused.pop()!, { code: 'limit', message: '' });
      add(smallFrame(FrameKind.streamAbort, body));
    }
    for (const stream of this.#withControl) {
      if (bytes >= maxControlBytes) break;
      this.#withControl.delete(stream);
      add(stream.takeControl());
    }
    // Smaller credits are sent along: one write for all streams in place of one for each.
    for (const stream of this.#streams.values()) {
      if (bytes < maxControlBytes && stream.hasCredit) add(stream.takeControl());
    }
    return joined(frames);
  }

  #refuse(id: number): void {
    if (this.#refused.push(id) > maxWaitingRefusals) {
      throw new PeerloomError(
        'ERR_PROTOCOL',
        'the other side opens streams in a loop and does not read the refusals',
      );
    }
    this.#options.outgoing.wake();
  }

  #encodeHeader(header: Data): Payload {
    const payload = encodePayload(header);
    const maxBytes = Math.min(maxStreamHeaderBytes, this.#options.theirs.maxMessageBytes - openPrefixBytes);
    if (payload.body.length <= maxBytes) return payload;
    throw new PeerloomError(
      'ERR_MESSAGE_TOO_LARGE',
      `the header of the stream has ${payload.body.length} bytes, at most ${maxBytes} are allowed: send the rest through the stream`,
    );
  }

  #isOurs(id: number): boolean {
    return (id % 2 === 1) === (this.#options.direction === 'outbound');
  }

  #idOf(question: number): number {
    const id = this.#options.direction === 'outbound' ? 2 * question - 1 : 2 * question;
    if (id <= maxId) return id;
    throw new PeerloomError(
      'ERR_STREAM_LIMIT',
      'the connection has used up the numbers for its streams: connect again',
    );
  }

  #questionOf(id: number): number {
    return Math.ceil(id / 2);
  }
}
