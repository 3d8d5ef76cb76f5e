import { PeerloomError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Link } from '../transport/transport.ts';
import { frameHeaderBytes, idBytes, smallFrame, writeUint32 } from '../wire/frame.ts';
import { joined } from '../wire/memory.ts';
import { ChunkPool } from './chunk-pool.ts';
import {
  chunkBytes,
  maxUncutBytes,
  numberedFirstFrame,
  type OutgoingPayload,
  writePiece,
} from './cut-message.ts';
import type { FrameSource } from './frame-source.ts';
import type { SharedFrame } from './shared-frame.ts';
import type { Trace } from './trace.ts';

/** The first chunk of a turn: most turns of an idle link carry one small message. */
const firstChunkBytes = 2 * 1024;

/** Pongs and the like that may wait on a peer that does not read. */
const maxUrgentBytes = 64 * 1024;

/** 8 MiB at the most, for all connections of the process: what sessions keep until it is acknowledged comes back in lots. */
const chunks = new ChunkPool(chunkBytes, 128);

/** 1 MiB at the most. */
const firstChunks = new ChunkPool(firstChunkBytes, 512);

/** Bytes that wait for the link. */
interface Waiting {
  readonly bytes: Uint8Array;
  /** What they lie in, where it is of a pool. */
  readonly chunk: Uint8Array<ArrayBuffer> | undefined;
  /** Set where other connections hold them too. */
  readonly shared: SharedFrame | undefined;
}

/** A link, or a session, which keeps what was sent and so has to know what others share. */
export interface OutgoingLink extends Pick<Link, 'drained'> {
  send(bytes: Uint8Array, sent?: () => void, shared?: SharedFrame): boolean;
}

/**
 * The way out of a connection: gathers the frames of one turn of the event loop into few writes, keeps what
 * the link does not take yet, within the cap, and lets pings overtake it. Streams wait outside, and take turns
 * with the chunks.
 *
 *    send() ──► chunk being filled ──► full chunks ──► link
 *    urgent() ───────────────────────────────────────►
 *    streams ────────────────────────────────────────►
 */
export class Outgoing {
  readonly #link: OutgoingLink;
  readonly #limits: Limits;
  /** Holds what was sent until it is acknowledged, which counts against the cap. */
  readonly #keeper: { readonly keptBytes: number } | undefined;
  /** Told of what is kept anew. */
  onGrowth: (bytes: number) => void = () => {};
  /** Logs what is sent. */
  trace: Trace | undefined;
  /** What is asked for frames, in turn with the messages, when the link has room. */
  source: FrameSource | undefined;

  #chunk: Uint8Array<ArrayBuffer> | undefined;
  #chunkFilled = 0;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #urgent: Uint8Array[] = [];
  #urgentBytes = 0;
  #linkFull = false;
  #flushScheduled = false;
  #closed = false;
  #isSourcesTurn = false;
  #drainWaiters: (() => void)[] = [];
  #flushWaiters: (() => void)[] = [];

  constructor(link: OutgoingLink, limits: Limits, keeper?: { readonly keptBytes: number }) {
    this.#link = link;
    this.#limits = limits;
    this.#keeper = keeper;
  }

  /** The memory that waits for the link; what many connections share is split between them. */
  get heldBytes(): number {
    let bytes = this.#chunkFilled + this.#urgentBytes;
    for (const waiting of this.#waiting) bytes += waiting.shared?.bytesEach ?? waiting.bytes.length;
    return bytes;
  }

  /** Bytes that the link has not taken yet. */
  get queuedBytes(): number {
    return this.#waitingBytes + this.#chunkFilled;
  }

  /**
   * Sends a frame of a message kind; `id` pairs it with its answer where the kind has one.
   *
   * @returns false above the high-water mark.
   * @throws PeerloomError `ERR_QUEUE_FULL`; nothing of the frame was taken then.
   */
  send(kind: number, payload: OutgoingPayload, id?: number): boolean {
    const { length } = payload.body;
    const { queueMaxBytes, queueHighWaterBytes } = this.#limits;
    const queuedBytes = this.#waitingBytes + this.#chunkFilled + length;
    const keptBytes = this.#keeper === undefined ? 0 : this.#keeper.keptBytes;
    if (queuedBytes + keptBytes > queueMaxBytes && queuedBytes + keptBytes > length) {
      throw this.#queueFull(length);
    }
    this.#write(kind, payload, id);
    if (this.trace?.enabled) this.trace.sent({ kind, ...payload }, id);
    return queuedBytes < queueHighWaterBytes && keptBytes <= queueMaxBytes / 2;
  }

  /** Sends a frame of the connection's own, however much waits. */
  sendOwn(kind: number, body: Uint8Array): void {
    this.#write(kind, { format: 0, compression: 0, body }, undefined);
  }

  /**
   * Sends a small frame ahead of everything that waits.
   *
   * @returns false when the other side leaves so many of them unread that it must be given up.
   */
  urgent(kind: number, body: Uint8Array): boolean {
    const frame = smallFrame(kind, body);
    this.#urgent.push(frame);
    this.#urgentBytes += frame.length;
    if (!this.#flushScheduled) this.#scheduleFlush();
    return this.#urgentBytes <= maxUrgentBytes;
  }

  /** The source has become ready, or less is kept. */
  wake(): void {
    if (!this.#flushScheduled) this.#scheduleFlush();
  }

  /** What the link has not taken, whole frames in their order. */
  waiting(): readonly Pick<Waiting, 'bytes' | 'shared'>[] {
    this.#sealChunk();
    return this.#waiting;
  }

  /** Resolves below half the high-water mark, or when the connection closes. */
  drained(): Promise<void> {
    if (this.#isDrained()) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  /** Resolves when the link has taken everything, or the connection closes. */
  flushed(): Promise<void> {
    if (this.queuedBytes === 0 && this.#urgent.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#flushWaiters.push(resolve));
  }

  /** Drops what waits; nothing is sent any more. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting) letGo(waiting);
    this.#waiting = [];
    this.#urgent = [];
    this.#chunk = undefined;
    this.#waitingBytes = this.#urgentBytes = this.#chunkFilled = 0;
    this.#wakeWaiters();
  }

  #write(kind: number, payload: OutgoingPayload, id: number | undefined): void {
    const { body } = payload;
    const length = id === undefined ? body.length : body.length + idBytes;
    if (length > maxUncutBytes) {
      if (payload.shared === undefined) this.#writeLarge(kind, payload, id);
      else this.#pushShared(payload.shared, { kind, payload, id });
    } else {
      let chunk = this.#chunk;
      let at = this.#chunkFilled;
      if (chunk === undefined || at + frameHeaderBytes + length > chunk.length) {
        chunk = this.#nextChunk(frameHeaderBytes + length);
        at = 0;
      }
      // By hand: a call with an object for the header costs a tenth of the speed where many requests are under way.
      chunk[at] = 0;
      chunk[at + 1] = length >>> 16;
      chunk[at + 2] = length >>> 8;
      chunk[at + 3] = length;
      chunk[at + 4] = kind;
      chunk[at + 5] = 0;
      chunk[at + 6] = payload.format;
      chunk[at + 7] = payload.compression;
      at += frameHeaderBytes;
      if (id !== undefined) {
        writeUint32(chunk, at, id);
        at += idBytes;
      }
      chunk.set(body, at);
      this.#chunkFilled = at + body.length;
    }
    if (!this.#flushScheduled) this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    this.#flushScheduled = true;
    queueMicrotask(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#closed) return;
    if (!this.#linkFull) this.#sealChunk();
    this.#pump();
  };

  /** Hands over what waits, as far as the link takes it. */
  #pump(): void {
    let index = 0;
    while (!this.#linkFull) {
      let hasRoom: boolean;
      if (this.#urgent.length > 0) {
        hasRoom = this.#link.send(this.#takeUrgent());
      } else if (index < this.#waiting.length && !(this.#isSourcesTurn && this.source?.isReady)) {
        const waiting = this.#waiting[index++]!;
        const { bytes, chunk, shared } = waiting;
        this.#waitingBytes -= bytes.length;
        this.#isSourcesTurn = true;
        hasRoom = this.#link.send(bytes, chunk && (() => giveBack(chunk)), shared);
        letGo(waiting);
      } else if (this.source?.isReady) {
        const { bytes, sent } = this.source.take();
        this.#isSourcesTurn = false;
        hasRoom = this.#link.send(bytes, sent);
      } else {
        break;
      }
      if (!hasRoom) this.#waitForLink();
    }
    if (index > 0) this.#waiting = index === this.#waiting.length ? [] : this.#waiting.slice(index);
    this.#wakeWaiters();
  }

  #takeUrgent(): Uint8Array {
    const frames = this.#urgent;
    this.#urgent = [];
    this.#urgentBytes = 0;
    return joined(frames);
  }

  #waitForLink(): void {
    this.#linkFull = true;
    void this.#link.drained().then(() => {
      this.#linkFull = false;
      this.#flush();
    });
  }

  #isDrained(): boolean {
    const { queueMaxBytes, queueHighWaterBytes } = this.#limits;
    const isKeeping = this.#keeper !== undefined && this.#keeper.keptBytes > queueMaxBytes / 2;
    return this.#closed || (this.queuedBytes <= queueHighWaterBytes / 2 && !isKeeping);
  }

  #wakeWaiters(): void {
    if (this.#drainWaiters.length > 0 && this.#isDrained()) {
      for (const wake of this.#drainWaiters.splice(0)) wake();
    }
    if (this.#flushWaiters.length > 0 && this.queuedBytes === 0) {
      for (const wake of this.#flushWaiters.splice(0)) wake();
    }
  }

  /** A turn begins with a small chunk and goes on with full ones. */
  #nextChunk(needed: number): Uint8Array<ArrayBuffer> {
    const isFirst = this.#chunk === undefined && this.#waiting.length === 0;
    if (this.#chunkFilled > 0) {
      this.#sealChunk();
      this.#pump();
    }
    const chunk = isFirst && needed <= firstChunkBytes ? firstChunks.take() : chunks.take();
    this.#chunk = chunk;
    return chunk;
  }

  #sealChunk(): void {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    if (this.#chunkFilled > 0) {
      const bytes = chunk.subarray(0, this.#chunkFilled);
      this.#pushWaiting({ bytes, chunk, shared: undefined });
    }
    this.#chunk = undefined;
    this.#chunkFilled = 0;
  }

  #pushWaiting(waiting: Waiting): void {
    const { length } = waiting.bytes;
    this.#waiting.push(waiting);
    this.#waitingBytes += length;
    this.onGrowth(length);
  }

  #pushShared(
    shared: readonly SharedFrame[],
    { kind, payload, id }: { kind: number; payload: OutgoingPayload; id: number | undefined },
  ): void {
    this.#sealChunk();
    let frames = shared;
    if (id !== undefined) {
      const bytes = numberedFirstFrame(shared, { kind, payload, id });
      this.#pushWaiting({ bytes, chunk: undefined, shared: undefined });
      frames = shared.slice(1);
    }
    for (const frame of frames) {
      frame.holders += 1;
      this.#pushWaiting({ bytes: frame.bytes, chunk: undefined, shared: frame });
    }
  }

  /** Copies a large message into chunks, cut where one ends. */
  #writeLarge(kind: number, payload: OutgoingPayload, id: number | undefined): void {
    let taken = 0;
    do {
      let chunk = this.#chunk;
      if (chunk === undefined || chunk.length - this.#chunkFilled < maxUncutBytes) {
        chunk = this.#nextChunk(chunkBytes);
      }
      const { filled, share } = writePiece(chunk.subarray(this.#chunkFilled), { kind, payload, id, taken });
      this.#chunkFilled += filled;
      taken += share;
    } while (taken < payload.body.length);
  }

  #queueFull(length: number): PeerloomError {
    return new PeerloomError(
      'ERR_QUEUE_FULL',
      `${this.queuedBytes + (this.#keeper?.keptBytes ?? 0)} bytes wait to be sent, and ${length} more would exceed ${this.#limits.queueMaxBytes} (limits.queueMaxBytes): await drained() when send() returns false`,
    );
  }
}

function letGo({ shared }: Waiting): void {
  if (shared !== undefined) shared.holders -= 1;
}

function giveBack(chunk: Uint8Array<ArrayBuffer>): void {
  (chunk.length === chunkBytes ? chunks : firstChunks).give(chunk);
}
