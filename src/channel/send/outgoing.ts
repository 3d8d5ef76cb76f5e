import { PeerloomError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import { Waiters } from '../../base/waiters.ts';
import type { Link } from '../../transport/transport.ts';
import { FrameKind, frameHeaderBytes, idBytes, smallFrame } from '../../wire/frames/frame.ts';
import { joined } from '../../wire/frames/memory.ts';
import { creditBody, Lane, laneOf, type Windows } from '../../wire/frames/windows.ts';
import type { Trace } from '../trace.ts';
import type { OutgoingPayload } from './cut-message.ts';
import type { FrameSource } from './frame-source.ts';
import { giveBack, letGo, OutgoingFrames, type WaitingPiece } from './outgoing-frames.ts';
import { SendLane } from './send-lane.ts';
import type { SharedFrame } from './shared-frame.ts';

/** Bytes of pongs and similar frames that may wait for a peer that does not read. */
const maxUrgentBytes = 64 * 1024;

/** A link or a session. A session keeps what was sent, so it has to know which frames other connections share. */
export interface OutgoingLink extends Pick<Link, 'drained'> {
  send(bytes: Uint8Array, sent?: () => void, shared?: SharedFrame): boolean;
}

export interface OutgoingOptions {
  readonly link: OutgoingLink;
  readonly limits: Limits;
  /** The windows that the other side announced for each lane. */
  readonly windows: Windows;
  /** Keeps what was sent until it is acknowledged. The kept bytes count against the cap. */
  readonly keeper?: { readonly keptBytes: number } | undefined;
}

/**
 * The sending end of a connection. It gathers the frames of one turn of the event loop into few writes. Frames that the
 * link cannot take yet wait here, up to the cap, and pings overtake them. Frames for which the other side's window has
 * no room wait in their lane. Streams keep their own data and take turns with the other frames.
 *
 *    messages ──► lane ──┐
 *    requests ──► lane ──┤
 *    protocols ─► lane ──┼──► frames ──► link
 *    answers ────────────┘                │
 *    urgent, credits ────────────────────►│
 *    streams ────────────────────────────►│
 */
export class Outgoing {
  /** The log of sent frames. */
  trace: Trace | undefined;
  /** Bytes that the link has taken. */
  sentBytes = 0;
  readonly #options: OutgoingOptions;
  readonly #frames = new OutgoingFrames();
  readonly #messages: SendLane;
  /** Created for the first request and the first protocol frame. */
  #requests: SendLane | undefined;
  #protocols: SendLane | undefined;
  /** The bytes that wait in the lanes. */
  #laneBytes = 0;
  /** Asked for frames when the link has room, in turn with the messages. */
  source: FrameSource | undefined;

  #urgent: Uint8Array[] | undefined;
  #urgentBytes = 0;
  /** Credits that wait to be sent, by lane. The latest credit of a lane replaces earlier ones. */
  #credits: (number | undefined)[] | undefined;
  /** The goodbye, while messages wait that must be sent before it. */
  #last: { readonly kind: number; readonly body: Uint8Array } | undefined;
  #hasLast = false;
  /** Whether frames are logged. Updated once in each turn of the event loop, not for each message. */
  #tracesTurn = false;
  #linkFull = false;
  #flushScheduled = false;
  #closed = false;
  #isSourcesTurn = false;
  readonly #drained = new Waiters();
  readonly #flushed = new Waiters();

  constructor(options: OutgoingOptions) {
    this.#options = options;
    this.#messages = new SendLane(options.windows.messages);
    this.#frames.onPiece = () => this.#pump();
  }

  /** Called with the bytes that are newly kept. */
  set onGrowth(onGrowth: (bytes: number) => void) {
    this.#frames.onGrowth = onGrowth;
    for (const lane of this.#lanes) lane.onGrowth = onGrowth;
  }

  /** The memory of what waits for the link. Memory that many connections share is split between them. */
  get heldBytes(): number {
    const inLanes = this.#lanes.reduce((bytes, lane) => bytes + lane.heldBytes, 0);
    return this.#frames.heldBytes + inLanes + this.#urgentBytes;
  }

  /** Bytes that the link has not taken yet. */
  get queuedBytes(): number {
    return this.#frames.bytes + this.#laneBytes;
  }

  /**
   * Sends a message, delivery, request or frame of a protocol; `id` pairs it with its answer.
   *
   * @returns false above the high-water mark.
   * @throws PeerloomError `ERR_QUEUE_FULL`; nothing of the frame was taken then.
   */
  send(kind: number, payload: OutgoingPayload, id?: number): boolean {
    const { length } = payload.body;
    const { limits, keeper } = this.#options;
    const lane = kind === FrameKind.message ? this.#messages : this.#laneAt(laneOf(kind)!);
    // Messages with slow handlers fill their lane. They must not keep a protocol from sending.
    const waitingBytes =
      kind === FrameKind.protocol ? this.#frames.bytes + lane.queuedBytes : this.queuedBytes;
    const queuedBytes = waitingBytes + length;
    const keptBytes = keeper === undefined ? 0 : keeper.keptBytes;
    if (queuedBytes + keptBytes > limits.queueMaxBytes && queuedBytes + keptBytes > length) {
      throw this.#queueFull(waitingBytes, length);
    }
    if (this.#isTraced()) this.trace!.sent({ kind, ...payload }, id);
    if (lane.mayBegin(id === undefined ? length : length + idBytes)) {
      this.#write(kind, payload, id);
    } else {
      const before = lane.queuedBytes;
      lane.queue.write(kind, payload, id);
      this.#laneBytes += lane.queuedBytes - before;
      // There is nothing to flush, but the scheduled turn lets the log be checked only once.
      this.wake();
    }
    return queuedBytes < limits.queueHighWaterBytes && keptBytes <= limits.queueMaxBytes / 2;
  }

  /**
   * Whether a message may be handed over as data now: it must not overtake a waiting frame, and the window of messages
   * must have room for it. If so, the message is counted as sent.
   */
  mayPass(bytes: number): boolean {
    // Frames wait only for a flush or for the link.
    if (this.#flushScheduled || this.#linkFull || this.#closed || this.#laneBytes > 0) return false;
    if (!this.#messages.mayBegin(bytes)) return false;
    this.sentBytes += frameHeaderBytes + bytes;
    return true;
  }

  /**
   * Sends a frame that no window delays: an answer, or the opening of a stream. It does not wait for lanes, and what
   * waits in lanes does not count against it.
   *
   * @throws PeerloomError `ERR_QUEUE_FULL`; nothing of the frame was taken then.
   */
  sendFreely(kind: number, payload: OutgoingPayload, id: number): void {
    const { length } = payload.body;
    const { limits, keeper } = this.#options;
    const waitingBytes = this.#frames.bytes + (keeper?.keptBytes ?? 0);
    if (waitingBytes > 0 && waitingBytes + length > limits.queueMaxBytes) {
      throw this.#queueFull(this.#frames.bytes, length);
    }
    if (this.#isTraced()) this.trace!.sent({ kind, ...payload }, id);
    this.#write(kind, payload, id);
  }

  /** Sends one of the connection's own frames, even above the cap. */
  sendOwn(kind: number, body: Uint8Array): void {
    this.#write(kind, { format: 0, compression: 0, body }, undefined);
  }

  /** Sends the last frame, after all that was sent before. No credit follows it. */
  sendLast(kind: number, body: Uint8Array): void {
    this.#hasLast = true;
    this.#last = { kind, body };
    this.#sendLastInTurn();
  }

  /**
   * Sends a small frame ahead of everything that waits.
   *
   * @returns false if the other side leaves so many of them unread that the connection must end.
   */
  urgent(kind: number, body: Uint8Array): boolean {
    const frame = smallFrame(kind, body);
    this.#urgent ??= [];
    this.#urgent.push(frame);
    this.#urgentBytes += frame.length;
    this.wake();
    return this.#urgentBytes <= maxUrgentBytes;
  }

  /** Sends a credit for a lane, ahead of everything that waits. */
  credit(lane: Lane, position: number): void {
    if (this.#hasLast && this.#last === undefined) return;
    this.#credits ??= [];
    this.#credits[lane] = position;
    this.wake();
  }

  /** A credit for a lane has arrived. */
  onCredit(lane: Lane, position: number): void {
    if (this.#closed) return;
    const waitedBytes = this.#laneBytes;
    this.#laneAt(lane).extend(position, this.#frames);
    if (waitedBytes === 0) return;
    this.#countLanes();
    this.#sendLastInTurn();
    this.wake();
  }

  /** Call it when the source has become ready, when less is kept, or when there is something new to send. */
  wake(): void {
    if (!this.#flushScheduled) this.#scheduleFlush();
  }

  /** Removes and returns what the link has not taken: whole frames, in order within each lane. */
  takeWaiting(): readonly WaitingPiece[] {
    this.#laneBytes = 0;
    return [...this.#frames.takeAll(), ...this.#lanes.flatMap((lane) => lane.takeAll())];
  }

  /** Resolves below half the high-water mark, or when the connection closes. */
  drained(): Promise<void> {
    return this.#isDrained() ? Promise.resolve() : this.#drained.wait();
  }

  /** Resolves when the link has taken everything, or the connection closes. */
  flushed(): Promise<void> {
    if (this.queuedBytes === 0 && this.#urgent === undefined) return Promise.resolve();
    return this.#flushed.wait();
  }

  /** Drops what waits. Nothing is sent any more. */
  close(): void {
    this.#closed = true;
    for (const piece of this.takeWaiting()) letGo(piece);
    this.#urgent = undefined;
    this.#credits = undefined;
    this.#last = undefined;
    this.#urgentBytes = 0;
    this.#wakeWaiters();
  }

  /** The lanes that have been created. */
  get #lanes(): SendLane[] {
    return [this.#messages, this.#requests, this.#protocols].filter((lane) => lane !== undefined);
  }

  #laneAt(lane: Lane): SendLane {
    if (lane === Lane.messages) return this.#messages;
    if (lane === Lane.requests) {
      this.#requests ??= this.#newLane('requests');
      return this.#requests;
    }
    this.#protocols ??= this.#newLane('protocols');
    return this.#protocols;
  }

  #newLane(name: 'requests' | 'protocols'): SendLane {
    const lane = new SendLane(this.#options.windows[name]);
    lane.onGrowth = this.#messages.onGrowth;
    return lane;
  }

  #write(kind: number, payload: OutgoingPayload, id: number | undefined): void {
    this.#frames.write(kind, payload, id);
    if (!this.#flushScheduled) this.#scheduleFlush();
  }

  #isTraced(): boolean {
    if (!this.#flushScheduled) this.#tracesTurn = this.trace?.enabled === true;
    return this.#tracesTurn;
  }

  #countLanes(): void {
    this.#laneBytes = this.#lanes.reduce((bytes, lane) => bytes + lane.queuedBytes, 0);
  }

  #sendLastInTurn(): void {
    const last = this.#last;
    if (last === undefined || this.#laneBytes > 0) return;
    this.#last = undefined;
    this.sendOwn(last.kind, last.body);
  }

  #scheduleFlush(): void {
    this.#flushScheduled = true;
    queueMicrotask(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#closed) return;
    if (!this.#linkFull) this.#frames.seal();
    this.#pump();
  };

  /** Gives the link what waits, as far as the link takes it. */
  #pump(): void {
    const frames = this.#frames;
    while (!this.#linkFull) {
      let hasRoom: boolean;
      if (this.#urgent !== undefined || this.#credits !== undefined) {
        hasRoom = this.#sendNow(this.#takeUrgent());
      } else if (frames.hasPiece && !(this.#isSourcesTurn && this.source?.isReady)) {
        const piece = frames.shift()!;
        const { bytes, chunk, shared } = piece;
        this.#isSourcesTurn = true;
        hasRoom = this.#sendNow(bytes, chunk && (() => giveBack(chunk)), shared);
        letGo(piece);
      } else if (this.source?.isReady) {
        const { bytes, sent } = this.source.nextPiece();
        this.#isSourcesTurn = false;
        hasRoom = this.#sendNow(bytes, sent);
      } else {
        break;
      }
      if (!hasRoom) this.#waitForLink();
    }
    this.#wakeWaiters();
  }

  /** @returns whether the link takes more. */
  #sendNow(bytes: Uint8Array, sent?: () => void, shared?: SharedFrame): boolean {
    this.sentBytes += bytes.length;
    return this.#options.link.send(bytes, sent, shared);
  }

  #takeUrgent(): Uint8Array {
    const frames = this.#urgent ?? [];
    for (const lane of Object.values(Lane)) {
      const position = this.#credits?.[lane];
      if (position !== undefined) frames.push(smallFrame(FrameKind.credit, creditBody(lane, position)));
    }
    this.#urgent = undefined;
    this.#urgentBytes = 0;
    this.#credits = undefined;
    return joined(frames);
  }

  #waitForLink(): void {
    this.#linkFull = true;
    void this.#options.link.drained().then(() => {
      this.#linkFull = false;
      this.#flush();
    });
  }

  #isDrained(): boolean {
    const { limits, keeper } = this.#options;
    const isKeeping = keeper !== undefined && keeper.keptBytes > limits.queueMaxBytes / 2;
    return this.#closed || (this.queuedBytes <= limits.queueHighWaterBytes / 2 && !isKeeping);
  }

  #wakeWaiters(): void {
    if (this.#drained.isAwaited && this.#isDrained()) this.#drained.wake();
    if (this.queuedBytes === 0) this.#flushed.wake();
  }

  #queueFull(queuedBytes: number, length: number): PeerloomError {
    const { limits, keeper } = this.#options;
    return new PeerloomError(
      'ERR_QUEUE_FULL',
      `${queuedBytes + (keeper?.keptBytes ?? 0)} bytes wait to be sent, and ${length} more would exceed ${limits.queueMaxBytes} (limits.queueMaxBytes): await drained() when send() returns false`,
    );
  }
}
