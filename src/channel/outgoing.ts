import { PeerloomError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Link } from '../transport/transport.ts';
import {
  FrameFlag,
  FrameKind,
  frameHeaderBytes,
  maxFrameBodyBytes,
  smallFrame,
  writeFrameHeader,
  writeUint32,
} from '../wire/frame.ts';
import { allocate } from '../wire/memory.ts';

/** A message's data ready for the wire. */
export interface OutgoingPayload {
  readonly format: number;
  readonly compression: number;
  readonly body: Uint8Array;
}

/** Frames are gathered in chunks of this size, each one write to the link. */
const chunkBytes = 64 * 1024;

/** The first chunk of a turn: most turns of an idle link carry one small message. */
const firstChunkBytes = 2 * 1024;

/** Bodies up to this size are copied into the chunk; larger ones get memory of their own. */
const maxGatheredBytes = 32 * 1024;

/** Answers to pings and the like that may wait on a peer that does not read. */
const maxUrgentBytes = 64 * 1024;

/**
 * The way out of a connection: gathers the frames of one turn of the event loop into few writes, keeps what
 * the link does not take yet, within the cap, and lets pings overtake it.
 *
 *    send() ──► chunk being filled ──► full chunks and large frames ──► link
 *    urgent() ─────────────────────────────────────────────────────────►
 */
export class Outgoing {
  readonly #link: Link;
  readonly #limits: Limits;

  #chunk: Uint8Array<ArrayBuffer> | undefined;
  #chunkFilled = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #urgent: Uint8Array[] = [];
  #urgentBytes = 0;
  #linkFull = false;
  #flushScheduled = false;
  #closed = false;
  #drainWaiters: (() => void)[] = [];
  #flushWaiters: (() => void)[] = [];

  constructor(link: Link, limits: Limits) {
    this.#link = link;
    this.#limits = limits;
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
    const { body } = payload;
    const length = id === undefined ? body.length : body.length + 4;
    const queued = this.#waitingBytes + this.#chunkFilled + length;
    if (queued > this.#limits.queueMaxBytes && this.queuedBytes > 0) throw this.#queueFull(length);
    if (length > maxGatheredBytes) {
      this.#pushLarge(kind, payload, id);
    } else {
      let chunk = this.#chunk;
      let at = this.#chunkFilled;
      if (chunk === undefined || at + frameHeaderBytes + length > chunk.length) {
        chunk = this.#nextChunk(frameHeaderBytes + length);
        at = 0;
      }
      chunk[at] = length >>> 24;
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
        at += 4;
      }
      chunk.set(body, at);
      this.#chunkFilled = at + body.length;
    }
    if (!this.#flushScheduled) this.#scheduleFlush();
    return queued < this.#limits.queueHighWaterBytes;
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

  /** Sends a small frame behind everything that waits. */
  last(kind: number, body: Uint8Array): void {
    this.#sealChunk();
    this.#pushWaiting(smallFrame(kind, body));
    this.#pump();
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
    this.#waiting = [];
    this.#urgent = [];
    this.#chunk = undefined;
    this.#waitingBytes = this.#urgentBytes = this.#chunkFilled = 0;
    this.#wakeWaiters();
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
      let bytes: Uint8Array;
      if (this.#urgent.length > 0) {
        bytes = this.#takeUrgent();
      } else if (index < this.#waiting.length) {
        bytes = this.#waiting[index++]!;
        this.#waitingBytes -= bytes.length;
      } else {
        break;
      }
      if (!this.#link.send(bytes)) this.#waitForLink();
    }
    if (index > 0) this.#waiting = index === this.#waiting.length ? [] : this.#waiting.slice(index);
    this.#wakeWaiters();
  }

  #takeUrgent(): Uint8Array {
    const frames = this.#urgent;
    this.#urgent = [];
    if (frames.length === 1) {
      this.#urgentBytes = 0;
      return frames[0]!;
    }
    const joined = allocate(this.#urgentBytes);
    let at = 0;
    for (const frame of frames) {
      joined.set(frame, at);
      at += frame.length;
    }
    this.#urgentBytes = 0;
    return joined;
  }

  #waitForLink(): void {
    this.#linkFull = true;
    void this.#link.drained().then(() => {
      this.#linkFull = false;
      this.#flush();
    });
  }

  #isDrained(): boolean {
    return this.#closed || this.queuedBytes <= this.#limits.queueHighWaterBytes / 2;
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
    const chunk = allocate(isFirst && needed <= firstChunkBytes ? firstChunkBytes : chunkBytes);
    this.#chunk = chunk;
    return chunk;
  }

  #sealChunk(): void {
    if (this.#chunkFilled > 0) this.#pushWaiting(this.#chunk!.subarray(0, this.#chunkFilled));
    this.#chunk = undefined;
    this.#chunkFilled = 0;
  }

  #pushWaiting(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #pushLarge(kind: number, payload: OutgoingPayload, id: number | undefined): void {
    this.#sealChunk();
    for (const frame of largeFrames(kind, payload, id)) this.#pushWaiting(frame);
  }

  #queueFull(length: number): PeerloomError {
    return new PeerloomError(
      'ERR_QUEUE_FULL',
      `${this.queuedBytes} bytes wait to be sent, ${length} more would pass the cap of ${this.#limits.queueMaxBytes} (limits.queueMaxBytes): wait for drained() when send() answers false`,
    );
  }
}

/** The frames of a large message, copied so that the caller may go on using its memory; each is one view. */
function largeFrames(kind: number, payload: OutgoingPayload, id: number | undefined): Uint8Array[] {
  const { format, compression, body } = payload;
  const prefixBytes = id === undefined ? 0 : 4;
  const total = prefixBytes + body.length;
  if (total <= maxFrameBodyBytes) {
    const frame = allocate(frameHeaderBytes + total);
    writeFrameHeader(frame, 0, { kind, flags: 0, format, compression, length: total });
    if (id !== undefined) writeUint32(frame, frameHeaderBytes, id);
    frame.set(body, frameHeaderBytes + prefixBytes);
    return [frame];
  }
  const frames: Uint8Array[] = [];
  let taken = 0;
  while (taken < body.length) {
    const isFirst = taken === 0;
    const extra = isFirst ? 4 + prefixBytes : 0;
    const share = Math.min(maxFrameBodyBytes - extra, body.length - taken);
    const isLast = taken + share === body.length;
    const frame = allocate(frameHeaderBytes + extra + share);
    writeFrameHeader(frame, 0, {
      kind: isFirst ? kind : FrameKind.part,
      flags: isLast ? 0 : FrameFlag.more,
      format: isFirst ? format : 0,
      compression: isFirst ? compression : 0,
      length: extra + share,
    });
    if (isFirst) {
      writeUint32(frame, frameHeaderBytes, total);
      if (id !== undefined) writeUint32(frame, frameHeaderBytes + 4, id);
    }
    frame.set(body.subarray(taken, taken + share), frameHeaderBytes + extra);
    frames.push(frame);
    taken += share;
  }
  return frames;
}
