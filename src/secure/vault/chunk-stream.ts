import type { Runtime } from '../../base/runtime.ts';
import { sha256Hex } from '../../base/sha256.ts';
import type { ChannelStream } from '../../channel/streams/stream.ts';
import { chunkBytes, tagBytes } from './vault-limits.ts';

export interface ChunkStreamOptions {
  /** Opens a stream of the chunks from a number on. Resolves with `undefined` if no node offers one. */
  readonly open: (number: number) => Promise<ChannelStream | undefined>;
  readonly runtime: Runtime;
}

/** The bytes of the length before each chunk, big-endian. */
const prefixBytes = 4;
const maxChunkBytes = chunkBytes + tagBytes;
/** Milliseconds to wait for one chunk, or for the answer that there is a stream. */
const timeoutMs = 30_000;

/** Writes chunks as fast as the other side reads them. Gives up if it reads nothing for `timeoutMs`. */
export async function writeChunks(
  stream: ChannelStream,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  runtime: Runtime,
): Promise<void> {
  for await (const chunk of chunks) {
    const prefix = new Uint8Array(prefixBytes);
    new DataView(prefix.buffer).setUint32(0, chunk.length);
    stream.write(prefix);
    if (!stream.write(chunk)) await drainedInTime(stream, runtime);
  }
  stream.end();
}

async function drainedInTime(stream: ChannelStream, runtime: Runtime): Promise<void> {
  const onTimeout = (): void => {
    stream.abort({ code: 'aborted', message: `nothing was read for ${timeoutMs} ms` });
  };
  const timer = runtime.setTimeout(onTimeout, timeoutMs);
  await stream.drained();
  timer.cancel();
}

/**
 * Reads what {@link writeChunks} wrote. It opens the stream for the first chunk, and aborts it at the first false
 * chunk.
 */
export class ChunkStream {
  readonly #options: ChunkStreamOptions;
  #stream: Promise<ChannelStream | undefined> | undefined;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(options: ChunkStreamOptions) {
    this.#options = options;
  }

  /**
   * Returns the next chunk, proven by its hash. If the chunk does not come, this and all later calls return
   * `undefined`.
   */
  async next(number: number, hash: string): Promise<Uint8Array | undefined> {
    const { open, runtime } = this.#options;
    this.#stream ??= open(number).catch(() => undefined);
    const timer = runtime.setTimeout(() => this.close(), timeoutMs);
    const chunk = await this.#read(await this.#stream).catch(() => undefined);
    timer.cancel();
    if (chunk !== undefined && sha256Hex(chunk) === hash) return chunk;
    this.close();
    return undefined;
  }

  close(): void {
    void this.#stream?.then((stream) =>
      stream?.abort({ code: 'aborted', message: 'no chunk is needed now' }),
    );
    this.#stream = Promise.resolve(undefined);
  }

  async #read(stream: ChannelStream | undefined): Promise<Uint8Array | undefined> {
    const prefix = stream && (await this.#take(stream, prefixBytes));
    if (prefix === undefined) return undefined;
    const length = new DataView(prefix.buffer).getUint32(0);
    return length > maxChunkBytes ? undefined : this.#take(stream!, length);
  }

  /** Reads a number of bytes. Returns `undefined` if the stream ends before that. */
  async #take(stream: ChannelStream, length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = new Uint8Array(length);
    for (let filled = 0; filled < length; ) {
      if (this.#rest.length === 0) {
        const piece = await stream.read();
        if (piece === undefined) return undefined;
        this.#rest = piece;
      }
      const part = this.#rest.subarray(0, length - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return bytes;
  }
}
