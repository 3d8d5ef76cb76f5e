import { messageOf, shown } from '../base/arguments.ts';
import { requiredBuiltin } from '../base/builtin.ts';
import type { Data } from '../base/data.ts';
import type { NodeDuplex } from '../base/node-duplex.ts';
import type { ChannelStream } from '../channel/streams/stream.ts';
import { bytesOf } from '../tensors/tensor/typed-arrays.ts';
import type { NodeConnection } from './node-connection.ts';

/**
 * A stream of bytes in both directions, beside the messages and the other streams of a connection. One node opens it
 * with {@link NodeConnection.openStream}; the other node receives it with the event `node_stream`. Bytes arrive in
 * order, but pieces may be joined and split on the way.
 *
 * If you do not read, the peer can send 256 KiB (`limits.streamWindowBytes`), or up to 8 MiB if you have read
 * everything before as fast as it arrived. A slow reader delays only this stream. A stream takes one of the 256 places
 * of its connection (`limits.maxStreams`) until both sides have ended it and read it to the end, or one side has
 * aborted it.
 *
 * @example
 * const stream = await connection.openStream({ name: 'holiday.mp4' });
 * for await (const bytes of createReadStream('holiday.mp4')) {
 *   if (!stream.write(bytes)) await stream.drained();
 * }
 * stream.end();
 */
export class PeerStream implements AsyncIterable<Uint8Array> {
  /** The connection that the stream belongs to. */
  readonly connection: NodeConnection;
  /** The header that was passed to `openStream`. */
  readonly header: Data;
  readonly #stream: ChannelStream;

  /** @internal */
  constructor(connection: NodeConnection, header: Data, stream: ChannelStream) {
    this.connection = connection;
    this.header = header;
    this.#stream = stream;
  }

  /** A number that is the same on both sides, and unique among all streams of the connection. */
  get id(): number {
    return this.#stream.id;
  }

  /**
   * Resolves when both sides have ended the stream and everything that arrived was read. Rejects if the stream broke:
   * `ERR_STREAM_ABORTED`, `ERR_CONNECTION_CLOSED`, `ERR_HANDLER`. You may ignore it: it never causes an unhandled
   * rejection.
   */
  get closed(): Promise<void> {
    return this.#stream.closed;
  }

  /**
   * Resolves with the next bytes, as soon as there are some, or with `undefined` when the peer has ended the stream.
   *
   * @throws PeerloomError `ERR_STREAM_ABORTED` or `ERR_HANDLER` at once; `ERR_CONNECTION_CLOSED` after the bytes that
   * have arrived.
   */
  read(): Promise<Uint8Array | undefined> {
    return this.#stream.read();
  }

  /** Reads to the end. Leaving the loop early aborts the stream; to keep it open, use {@link PeerStream.read}. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    let isAtEnd = false;
    try {
      for (;;) {
        const bytes = await this.#stream.read();
        isAtEnd = bytes === undefined;
        if (bytes === undefined) return;
        yield bytes;
      }
    } finally {
      if (!isAtEnd) this.abort('reading was stopped before the end');
    }
  }

  /**
   * Writes bytes. You may change them afterwards: they are copied.
   *
   * @returns false when 256 KiB (`limits.streamWindowBytes`) or more wait to be sent: await
   * {@link PeerStream.drained} before the next write.
   * @throws PeerloomError `ERR_STREAM_ENDED` after {@link PeerStream.end}; `ERR_QUEUE_FULL` if more than 32 MiB
   * (`limits.queueMaxBytes`) would wait; `ERR_STREAM_ABORTED`, `ERR_CONNECTION_CLOSED` or `ERR_HANDLER` if the stream
   * broke.
   */
  write(bytes: Uint8Array): boolean {
    const given = bytesOf(bytes);
    if (given === undefined) throw new TypeError(`bytes must be a Uint8Array, not ${shown(bytes)}`);
    return this.#stream.write(given);
  }

  /** Resolves when `write` would return true again, or would throw. */
  drained(): Promise<void> {
    return this.#stream.drained();
  }

  /** Ends this side of the stream. You cannot write any more, but the peer can. */
  end(): void {
    this.#stream.end();
  }

  /**
   * Aborts the stream in both directions. Bytes that wait to be sent or read are dropped. Reading and writing fail with
   * `ERR_STREAM_ABORTED` and the reason as the message, on both sides.
   *
   * @param reason a sentence, or an error whose message the peer receives. Default `'the stream was aborted'`.
   */
  abort(reason: unknown = 'the stream was aborted'): void {
    const cause = typeof reason === 'object' && reason !== null ? reason : undefined;
    this.#stream.abort({ code: 'aborted', message: messageOf(reason) }, cause);
  }

  /**
   * Returns the stream as a Node.js `Duplex`, for `pipeline()` and similar functions. From then on, use only the
   * `Duplex`. Destroying it aborts the stream. If the stream breaks, the `Duplex` emits `'error'`. Unlike with other
   * streams you need not listen to it: a peer that goes away cannot end the process.
   *
   * @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE` if the runtime is not Node.js.
   */
  toDuplex(): NodeDuplex {
    const { Duplex } = requiredBuiltin('node:stream', 'toDuplex()');
    const duplex = new Duplex({
      read: () => {
        this.read().then(
          (bytes) => duplex.push(bytes ?? null),
          (error) => duplex.destroy(error),
        );
      },
      write: (bytes: Uint8Array, _encoding, done) => void this.#writeAll(bytes).then(() => done(), done),
      final: (done) => {
        this.end();
        done();
      },
      destroy: (error, done) => {
        const isOver = duplex.readableEnded && duplex.writableFinished;
        if (error !== null || !isOver) this.abort(error ?? undefined);
        done(error);
      },
    });
    duplex.on('error', () => {});
    this.closed.catch((error) => duplex.destroy(error));
    return duplex;
  }

  /**
   * Returns the stream as a pair of WHATWG streams. From then on, use only the pair. Cancelling `readable` or aborting
   * `writable` aborts the stream.
   */
  toWeb(): ReadableWritablePair<Uint8Array, Uint8Array> {
    const readable = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const bytes = await this.read();
          if (bytes === undefined) controller.close();
          else controller.enqueue(bytes);
        },
        cancel: (reason) => this.abort(reason),
      },
      { highWaterMark: 0 },
    );
    const writable = new WritableStream<Uint8Array>({
      start: (controller) => void this.closed.catch((error) => controller.error(error)),
      write: (bytes) => this.#writeAll(bytes),
      close: () => this.end(),
      abort: (reason) => this.abort(reason),
    });
    return { readable, writable };
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    if (!this.write(bytes)) await this.drained();
  }
}
