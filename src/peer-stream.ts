import { messageOf, shown } from './arguments.ts';
import { requiredBuiltin } from './builtin.ts';
import type { ChannelStream } from './channel/stream.ts';
import type { Data } from './data.ts';
import type { NodeConnection } from './node-connection.ts';
import { bytesOf } from './wire/typed-arrays.ts';

/** A `Duplex` of `node:stream`; `any` where the types of Node.js are not installed. */
export type NodeDuplex =
  // biome-ignore lint/suspicious/noTsIgnore: it is an error only in projects without those types
  /** @ts-ignore */
  import('node:stream').Duplex;

/**
 * Bytes in order, in both directions, beside the messages of a connection and the other streams: made by
 * {@link NodeConnection.openStream}, and handed to the other node as the event `node_stream`. Pieces may be
 * joined and cut on the way.
 *
 * What is not read holds the other side back once 256 KiB (`limits.streamWindowBytes`) have arrived, or up to
 * 8 MiB where all before was read as fast as it arrived; and it holds up nothing but this stream. A stream takes
 * up one of the 256 of its connection (`limits.maxStreams`) until both sides have ended and read it to the end, or
 * one of them has aborted it.
 *
 * @example
 * const stream = await connection.openStream({ name: 'holiday.mp4' });
 * for await (const bytes of createReadStream('holiday.mp4')) {
 *   if (!stream.write(bytes)) await stream.drained();
 * }
 * stream.end();
 */
export class PeerStream implements AsyncIterable<Uint8Array> {
  /** The connection that it belongs to. */
  readonly connection: NodeConnection;
  /** What `openStream` was given. */
  readonly header: Data;
  readonly #stream: ChannelStream;

  /** @internal */
  constructor(connection: NodeConnection, header: Data, stream: ChannelStream) {
    this.connection = connection;
    this.header = header;
    this.#stream = stream;
  }

  /** The same on both sides, and no other stream of the connection ever has it. */
  get id(): number {
    return this.#stream.id;
  }

  /**
   * Resolves when both sides have ended the stream and everything that arrived was read. Rejects with what
   * broke it off: `ERR_STREAM_ABORTED`, `ERR_CONNECTION_CLOSED`, `ERR_HANDLER`. Nobody has to look at it.
   */
  get closed(): Promise<void> {
    return this.#stream.closed;
  }

  /**
   * The next bytes, as soon as there are some; `undefined` when the other side has ended.
   *
   * @throws PeerloomError `ERR_STREAM_ABORTED`, `ERR_HANDLER`, at once; `ERR_CONNECTION_CLOSED` behind what
   * has arrived.
   */
  read(): Promise<Uint8Array | undefined> {
    return this.#stream.read();
  }

  /** Reads to the end. Leaving the loop before aborts the stream; {@link PeerStream.read} does not. */
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
   * Writes bytes, which may be changed afterwards: they are copied.
   *
   * @returns false when 256 KiB (`limits.streamWindowBytes`) or more wait to be sent: await
   * {@link PeerStream.drained} before the next write.
   * @throws PeerloomError `ERR_STREAM_ENDED` after {@link PeerStream.end}; `ERR_QUEUE_FULL` past 32 MiB
   * (`limits.queueMaxBytes`) for who did not wait; what broke the stream off: `ERR_STREAM_ABORTED`,
   * `ERR_CONNECTION_CLOSED`, `ERR_HANDLER`.
   */
  write(bytes: Uint8Array): boolean {
    const given = bytesOf(bytes);
    if (given === undefined) throw new TypeError(`bytes must be a Uint8Array, not ${shown(bytes)}`);
    return this.#stream.write(given);
  }

  /** Resolves when `write` would answer true again, or would throw. */
  drained(): Promise<void> {
    return this.#stream.drained();
  }

  /** Says that nothing more will be written: the other side reads to the end, and may still write. */
  end(): void {
    this.#stream.end();
  }

  /**
   * Gives the stream up in both directions. What waits to be sent or read is dropped; reading and writing fail
   * with `ERR_STREAM_ABORTED` and the reason as the message, on the other side as well.
   *
   * @param reason a sentence or an error, whose message the other side is told. Default `'the stream was aborted'`.
   */
  abort(reason: unknown = 'the stream was aborted'): void {
    const cause = typeof reason === 'object' && reason !== null ? reason : undefined;
    this.#stream.abort({ code: 'aborted', message: messageOf(reason) }, cause);
  }

  /**
   * The same as a stream of Node.js, for `pipeline()` and the like; use one of the two from then on. Destroying it
   * aborts this; what breaks this off is its `'error'`, which unlike that of other streams need not be listened to:
   * no other node can end the process by going away.
   *
   * @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE` where the runtime is not Node.js.
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
   * The same as a pair of WHATWG streams; use one of the two from then on. Cancelling the one or aborting the
   * other aborts this.
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
