import type { Address } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { Waiters } from '../../base/waiters.ts';
import type { LimitsByAddress } from '../../transport/address-limits.ts';
import type { LinkPath } from '../../transport/link-path.ts';
import type { Security } from '../../transport/security.ts';
import type { Link } from '../../transport/transport.ts';
import { FrameKind, positionBody, smallFrame } from '../../wire/frames/frame.ts';
import type { LinkEnd } from '../link-end.ts';
import type { SharedFrame } from '../send/shared-frame.ts';
import { KeptPieces } from './kept-pieces.ts';

/** So many bytes from the other side are acknowledged at once; fewer are acknowledged after a while. */
const acknowledgeBytes = 256 * 1024;
const acknowledgeDelayMs = 50;

/** Unacknowledged bytes that may be on their way beside a full queue: more than the buffers of sockets hold. */
const maxUnderWayBytes = 16 * 1024 * 1024;

export interface SessionOptions {
  readonly runtime: Runtime;
  /** Bytes that the channel may have waiting. */
  readonly queueMaxBytes: number;
}

/** The channel that a session carries. */
export interface SessionUser {
  /** Bytes taken in so far, without those of acknowledgements. */
  readonly readBytes: number;
  /** How many of them belong to frames and messages that are there whole. */
  readonly wholeBytes: number;
  /** The other side reads but does not acknowledge, so the kept frames grow without end. */
  overflowed(): void;
  /** There is more room for what is to be kept. */
  acknowledged(): void;
  /** The link broke; another one may take its place. */
  suspended(error: Error | undefined): void;
  /** Another link has taken its place. */
  resumed(): void;
}

/**
 * A link that outlives the links it is made of. Both sides count bytes: what was sent is kept until the other
 * side has acknowledged it, and after a break each goes on where the other stopped hearing, so that nothing is
 * lost, doubled or moved. The channel above sees one unbroken flow. (docs/protocol.md, clauses 10.x)
 *
 * Acknowledgements are not of that flow: each says all that those before it said, so that none is counted, kept
 * or sent again.
 */
export class Session implements Link {
  readonly id: string;
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly security: Security;
  readonly limitsByAddress: LimitsByAddress;
  readonly startedAt: number;
  readonly closed: Promise<Error | undefined>;
  onMessage: (bytes: Uint8Array) => void = () => {};
  readTarget: (() => Uint8Array | undefined) | undefined;
  /** Told of what is kept anew. */
  onGrowth: (bytes: number) => void = () => {};
  /** Told when the link is lost; one that is given up for another is not. */
  onLost: () => void = () => {};
  user!: SessionUser;

  readonly #runtime: Runtime;
  readonly #maxKeptBytes: number;
  #settleClosed!: (error: Error | undefined) => void;
  /** What carries it now; `undefined` while it is suspended. */
  #link: Link | undefined;
  #lastPath: LinkPath | undefined;
  #isEnding = false;
  /** How long the link may take to close, once it has been given everything. */
  #closeTimeoutMs: number | undefined;
  #hasOverflowed = false;
  #isPaused = false;
  readonly #drained = new Waiters();

  #breaks = 0;
  readonly #kept = new KeptPieces();
  #isLinkFull = false;

  /** Bytes taken in that are yet to be acknowledged. */
  #owedBytes = 0;
  #acknowledgedPosition = 0;
  #timer: RuntimeTimer | undefined;

  constructor(id: string, end: LinkEnd, { runtime, queueMaxBytes }: SessionOptions) {
    this.id = id;
    this.#maxKeptBytes = queueMaxBytes + maxUnderWayBytes;
    const { link } = end;
    this.remoteId = link.remoteId;
    this.remoteAddress = link.remoteAddress;
    this.security = link.security;
    this.limitsByAddress = link.limitsByAddress ?? true;
    this.startedAt = link.startedAt;
    this.#runtime = runtime;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.#attach(end);
  }

  /** How often its link broke, or was given up for another. */
  get breaks(): number {
    return this.#breaks;
  }

  /** No link carries it at present. */
  get isSuspended(): boolean {
    return this.#link === undefined;
  }

  /** Of the present link, or of the last one. */
  get path(): LinkPath | undefined {
    return this.#link?.path ?? this.#lastPath;
  }

  /** What is kept for the case that it must be sent again, with what that costs. */
  get keptBytes(): number {
    return this.#kept.costBytes;
  }

  /** The memory of that, and of what was never sent; what sessions share is split between them. */
  get heldBytes(): number {
    return this.#kept.heldBytes;
  }

  /**
   * @param sent called once the other side has acknowledged the bytes and no link holds them.
   * @param shared set where other sessions are given the same bytes.
   */
  send(bytes: Uint8Array, sent?: () => void, shared?: SharedFrame): boolean {
    this.onGrowth(this.#kept.push(bytes, sent, shared));
    this.#pump();
    if (this.keptBytes > this.#maxKeptBytes && !this.#hasOverflowed) {
      this.#hasOverflowed = true;
      this.user.overflowed();
    }
    return this.#hasRoom;
  }

  drained(): Promise<void> {
    return this.#hasRoom || this.#isEnding ? Promise.resolve() : this.#drained.wait();
  }

  pause(): void {
    this.#isPaused = true;
    this.#link?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#link?.resume();
  }

  /** What waits still goes out, as fast as the link takes it. */
  close(timeoutMs: number): void {
    this.#end();
    const link = this.#link;
    if (link === undefined) {
      this.#settleClosed(undefined);
      return;
    }
    const timer = this.#runtime.setTimeout(() => link.destroy(), timeoutMs);
    void link.closed.then(() => timer.cancel());
    this.#closeTimeoutMs = timeoutMs;
    this.#pump();
  }

  destroy(): void {
    this.#end();
    if (this.#link === undefined) this.#settleClosed(undefined);
    this.#link?.destroy();
  }

  /** Ends the session now. Its link may still send what it was handed, unless that stops in the middle of a frame. */
  abandon(): void {
    this.#end();
    if (this.#kept.hasNext) this.#link?.destroy();
    this.#settleClosed(undefined);
  }

  /** Bytes that were heard of the other side so far. */
  get heardBytes(): number {
    return this.user.readBytes;
  }

  /** The present link is lost, but not the session. */
  suspend(error?: Error): void {
    this.#unlink(error);
    this.onLost();
  }

  /** Gives the present link up before another one takes its place; what this side says there. */
  freeze(): { id: string; receivedBytes: number; breaks: number } {
    this.#unlink();
    return { id: this.id, receivedBytes: this.user.readBytes, breaks: this.#breaks };
  }

  /** Whether the other side can go on from there. */
  canResumeAt(receivedBytes: number): boolean {
    return !this.#isEnding && this.#kept.has(receivedBytes);
  }

  /** The other side has gone on from there: whoever names that position said so before. */
  isPast(receivedBytes: number): boolean {
    return this.#kept.isPast(receivedBytes);
  }

  /**
   * Goes on over another link, whose handshake is done.
   *
   * @param promised what this side said there: what it has taken in, and how often the session broke.
   * @param receivedBytes what the other side has taken in.
   * @param arrived what arrived behind the handshake.
   * @throws PeerloomError `ERR_PROTOCOL` when the two sides cannot go on from there.
   */
  resumeOver(
    end: LinkEnd,
    promised: { readonly receivedBytes: number; readonly breaks: number },
    receivedBytes: number,
    arrived: readonly Uint8Array[],
  ): void {
    const isKept = promised.receivedBytes === this.user.readBytes && promised.breaks === this.#breaks;
    if (!isKept || !this.canResumeAt(receivedBytes)) {
      throw new PeerloomError('ERR_PROTOCOL', 'the two sides do not agree on where to resume their session');
    }
    this.#unlink();
    this.#attach(end);
    if (this.#isPaused) end.link.pause();
    this.#kept.rewind(receivedBytes);
    // The link may begin in the middle of a frame, where nothing may come between.
    if (this.#kept.hasNext) this.#handNext();
    // The last acknowledgement may be lost, and nothing may follow that would bring another.
    this.#acknowledgedPosition = 0;
    this.#acknowledge();
    this.#pump();
    this.user.resumed();
    for (const bytes of arrived) this.#onBytes(bytes);
  }

  /** The other side has everything up to a position. @throws PeerloomError `ERR_PROTOCOL`. */
  onAcknowledged(position: number, frameBytes: number): void {
    this.#owedBytes -= frameBytes;
    if (this.#kept.acknowledge(position)) this.user.acknowledged();
  }

  /** Keeps what the channel has not sent, and never will: the user may have to hear of it. */
  keepUnsent(bytes: Uint8Array, shared?: SharedFrame): void {
    this.#kept.keepUnsent(bytes, shared);
  }

  /** What is not acknowledged, or was never sent: whole frames, from the beginning of a message on. */
  unacknowledged(): Uint8Array[] {
    return this.#kept.unacknowledged();
  }

  /** Forgets what was kept, once the session is over and the user has heard of it. */
  forget(): void {
    this.#kept.clear();
  }

  get #hasRoom(): boolean {
    return this.#link !== undefined && !this.#isLinkFull;
  }

  #attach(end: LinkEnd): void {
    const { link } = end;
    this.#link = link;
    link.onMessage = (bytes) => this.#onBytes(bytes);
    link.readTarget = () => this.readTarget?.();
    end.own((error) => this.#onLinkClosed(link, error));
  }

  /** Gives the present link up, but not the session. */
  #unlink(error?: Error): void {
    const link = this.#link;
    if (link === undefined || this.#isEnding) return;
    this.#link = undefined;
    this.#lastPath = link.path;
    this.#breaks += 1;
    this.#isLinkFull = false;
    link.onMessage = () => {};
    link.readTarget = undefined;
    link.destroy();
    this.user.suspended(error);
  }

  /** Hands over what waits, as far as the link takes it. */
  #pump(): void {
    while (this.#hasRoom && this.#kept.hasNext) this.#handNext();
    if (!this.#hasRoom) return;
    this.#drained.wake();
    if (this.#closeTimeoutMs === undefined) return;
    this.#link!.close(this.#closeTimeoutMs);
    this.#closeTimeoutMs = undefined;
  }

  #handNext(): void {
    const link = this.#link!;
    if (!this.#kept.handNextTo(link)) this.#waitFor(link);
  }

  #waitFor(link: Link): void {
    this.#isLinkFull = true;
    void link.drained().then(() => {
      if (link !== this.#link) return;
      this.#isLinkFull = false;
      if (this.#owedBytes >= acknowledgeBytes) this.#acknowledge();
      this.#pump();
    });
  }

  #onBytes(bytes: Uint8Array): void {
    this.#owedBytes += bytes.length;
    this.onMessage(bytes);
    if (this.#isEnding) return;
    if (this.#owedBytes >= acknowledgeBytes) this.#acknowledge();
    else if (this.#owedBytes > 0) this.#awaitMore();
  }

  #awaitMore(): void {
    this.#timer ??= this.#runtime.setTimeout(() => {
      this.#timer = undefined;
      if (this.#owedBytes > 0) this.#acknowledge();
    }, acknowledgeDelayMs);
  }

  /** A link that is full is not made to take more: one acknowledgement, when it has room, says it all. */
  #acknowledge(): void {
    if (this.isSuspended || this.#isEnding) return;
    if (this.#isLinkFull) {
      this.#awaitMore();
      return;
    }
    const { readBytes, wholeBytes } = this.user;
    this.#owedBytes = readBytes - wholeBytes;
    if (wholeBytes === this.#acknowledgedPosition) return;
    this.#acknowledgedPosition = wholeBytes;
    const link = this.#link!;
    if (!link.send(smallFrame(FrameKind.acknowledge, positionBody(wholeBytes)))) this.#waitFor(link);
  }

  #onLinkClosed(link: Link, error: Error | undefined): void {
    if (link !== this.#link) return;
    if (this.#isEnding) this.#settleClosed(error);
    else this.suspend(error);
  }

  #end(): void {
    this.#isEnding = true;
    this.readTarget = undefined;
    this.#timer?.cancel();
    this.#drained.wake();
  }
}
