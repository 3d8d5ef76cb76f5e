import type { Address } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { Waiters } from '../../base/waiters.ts';
import type { LimitsByAddress } from '../../transport/address-limits.ts';
import type { LinkPath } from '../../transport/link-path.ts';
import type { Security } from '../../transport/security.ts';
import type { Link } from '../../transport/transport.ts';
import { FrameKind, positionBody, smallFrame } from '../../wire/frames/frame.ts';
import type { FrameSkimmer } from '../../wire/frames/frame-skimmer.ts';
import type { LinkEnd } from '../link-end.ts';
import type { SharedFrame } from '../send/shared-frame.ts';
import { KeptPieces } from './kept-pieces.ts';
import { SessionLinks } from './session-links.ts';

/** So many bytes from the other side are acknowledged at once; fewer are acknowledged after a while. */
const acknowledgeBytes = 256 * 1024;
const acknowledgeDelayMs = 50;

/** Unacknowledged bytes that may be on their way beside a full queue: more than the buffers of sockets hold. */
const maxUnderWayBytes = 16 * 1024 * 1024;

export interface SessionOptions {
  readonly runtime: Runtime;
  /** Bytes that the channel may have waiting. */
  readonly queueMaxBytes: number;
  /** It can move to another link while it has one. */
  readonly canMove?: boolean;
  /** It is there for moves only, and ends with its last link. */
  readonly isBrief?: boolean;
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
  /** What comes next comes over another link. @returns what skims the rest of the present one. */
  leftLink(): FrameSkimmer;
  /** The other side broke the protocol. */
  failed(error: unknown): void;
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
  readonly canMove: boolean;
  readonly isBrief: boolean;
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
  readonly #links: SessionLinks;
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
  /** The other side has returned to the present link, and goes on from there. */
  #returnedAt: number | undefined;

  /** Bytes taken in that are yet to be acknowledged. */
  #owedBytes = 0;
  #acknowledgedPosition = 0;
  #timer: RuntimeTimer | undefined;

  constructor(id: string, end: LinkEnd, options: SessionOptions) {
    const { runtime, queueMaxBytes, canMove = false, isBrief = false } = options;
    this.id = id;
    this.#maxKeptBytes = queueMaxBytes + maxUnderWayBytes;
    const { link } = end;
    this.remoteId = link.remoteId;
    this.remoteAddress = link.remoteAddress;
    this.security = link.security;
    this.limitsByAddress = link.limitsByAddress ?? true;
    this.startedAt = link.startedAt;
    this.canMove = canMove;
    this.isBrief = isBrief;
    this.#runtime = runtime;
    this.#links = new SessionLinks(
      {
        onBytes: (bytes) => this.#onBytes(bytes),
        leave: () => ({ skimmer: this.user.leftLink(), position: this.user.readBytes }),
        position: () => this.user.readBytes,
        carried: (position) => this.#carried(position),
        mayReturn: () => !this.#isEnding || this.#closeTimeoutMs !== undefined,
        breached: (error) => this.#breached(error),
        ended: (error) => this.#onLastLinkEnded(error),
      },
      runtime,
    );
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
    return this.link === undefined;
  }

  /** What carries it now; `undefined` while it is suspended. */
  get link(): Link | undefined {
    return this.#links.link;
  }

  /** It moved a while ago, and the link that carried it before is still there. */
  get isMoving(): boolean {
    return this.#links.isMoving;
  }

  /** Of the present link, or of the last one. */
  get path(): LinkPath | undefined {
    return this.link?.path ?? this.#lastPath;
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
    if (this.#links.isCarried) this.link?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.link?.resume();
  }

  /** What waits still goes out, as fast as the link takes it. */
  close(timeoutMs: number): void {
    this.#end();
    if (this.link === undefined) {
      this.#settleClosed(undefined);
      return;
    }
    const timer = this.#runtime.setTimeout(() => this.destroy(), timeoutMs);
    void this.closed.then(() => timer.cancel());
    this.#closeTimeoutMs = timeoutMs;
    this.#pump();
  }

  destroy(): void {
    this.#end();
    this.#closeTimeoutMs = undefined;
    this.#links.end();
    if (this.link === undefined) this.#settleClosed(undefined);
    this.link?.destroy();
  }

  /** Ends the session now. Its link may still send what it was handed, unless that stops in the middle of a frame. */
  abandon(): void {
    this.#end();
    this.#links.end();
    if (this.#kept.hasNext) this.link?.destroy();
    this.#settleClosed(undefined);
  }

  /** Bytes that were heard of the other side so far. */
  get heardBytes(): number {
    return this.user.readBytes;
  }

  /** The present link is lost, but not the session: it returns to the link that it moved away from, or is suspended. */
  suspend(error?: Error): void {
    if (this.isMoving) {
      this.#links.lose(error);
      return;
    }
    this.#unlink(error);
    this.onLost();
  }

  /**
   * Moves to another link, whose handshake is done. The present one stays, so that the session can return to it.
   *
   * @throws PeerloomError `ERR_PROTOCOL`: it cannot move.
   */
  moveTo(end: LinkEnd, arrived: readonly Uint8Array[]): void {
    if (!this.isAbleToMove) throw new PeerloomError('ERR_PROTOCOL', 'the session cannot move');
    this.#isLinkFull = false;
    this.#links.moveTo(end, arrived);
  }

  /** Whether it can move at the moment. */
  get isAbleToMove(): boolean {
    return this.canMove && (!this.#isEnding || this.#closeTimeoutMs !== undefined) && this.#links.isCarried;
  }

  /** The present link has proven itself: the one that carried the session before it ends. */
  endMove(): void {
    this.#links.endMove();
  }

  /** The other side has returned to the present link. @throws PeerloomError `ERR_PROTOCOL`. */
  onCarry(position: number, frameBytes: number): void {
    if (!this.canMove) throw new PeerloomError('ERR_PROTOCOL', 'a session moved that cannot');
    this.#owedBytes -= frameBytes;
    this.#returnedAt = position;
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
    this.#goOnFrom(receivedBytes);
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
    return this.#isLinkReady && (this.link!.allowance ?? 1) > 0;
  }

  get #isLinkReady(): boolean {
    return this.#links.isCarried && !this.#isLinkFull;
  }

  #attach(end: LinkEnd): void {
    this.#links.begin(end);
    // A link that is left would go on writing to the memory.
    if (!this.canMove) end.link.readTarget = () => this.readTarget?.();
  }

  /** Gives the links up, but not the session. */
  #unlink(error?: Error): void {
    if (this.link === undefined || this.#isEnding) return;
    this.#lastPath = this.link.path;
    this.#links.release();
    this.#breaks += 1;
    this.#isLinkFull = false;
    this.user.suspended(error);
  }

  /** The present link carries it; the other side has received everything up to a position. @throws PeerloomError. */
  #carried(position: number): void {
    if (!this.#kept.has(position)) {
      throw new PeerloomError('ERR_PROTOCOL', 'the other side moved the session to where it has not been');
    }
    this.#isLinkFull = false;
    this.#goOnFrom(position);
  }

  /** Gives the present link what follows a position. */
  #goOnFrom(position: number): void {
    if (this.#isPaused) this.link!.pause();
    this.#kept.rewind(position);
    // The link may begin in the middle of a frame, where nothing may come between.
    if (this.#kept.hasNext && this.#hasRoom) this.#handNext();
    // The last acknowledgement may be lost, and nothing may follow that would bring another.
    this.#acknowledgedPosition = 0;
    this.#acknowledge();
    this.#pump();
  }

  /** Hands over what waits, as far as the link takes it. */
  #pump(): void {
    while (this.#hasRoom && this.#kept.hasNext) this.#handNext();
    if (this.#hasRoom) this.#drained.wake();
    if (!this.#isLinkReady || this.#kept.hasNext || this.#closeTimeoutMs === undefined) return;
    this.link!.close(this.#closeTimeoutMs);
    this.#closeTimeoutMs = undefined;
  }

  #handNext(): void {
    const link = this.link!;
    if (!this.#kept.handNextTo(link, link.allowance ?? Number.POSITIVE_INFINITY)) this.#waitFor(link);
  }

  #waitFor(link: Link): void {
    this.#isLinkFull = true;
    void link.drained().then(() => {
      if (link !== this.link) return;
      this.#isLinkFull = false;
      if (this.#owedBytes >= acknowledgeBytes) this.#acknowledge();
      this.#pump();
    });
  }

  #onBytes(bytes: Uint8Array): void {
    this.#owedBytes += bytes.length;
    this.onMessage(bytes);
    if (this.#returnedAt !== undefined) this.#goBack(this.#returnedAt);
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
    if (!this.#links.isCarried || this.#isEnding) return;
    if (this.#isLinkFull || this.#kept.isInPiece) {
      this.#awaitMore();
      return;
    }
    const { readBytes, wholeBytes } = this.user;
    this.#owedBytes = readBytes - wholeBytes;
    if (wholeBytes === this.#acknowledgedPosition) return;
    this.#acknowledgedPosition = wholeBytes;
    const link = this.link!;
    if (!link.send(smallFrame(FrameKind.acknowledge, positionBody(wholeBytes)))) this.#waitFor(link);
  }

  #goBack(position: number): void {
    this.#returnedAt = undefined;
    try {
      this.#links.answer();
      this.#carried(position);
    } catch (error) {
      this.#breached(error);
    }
  }

  /** The other side cannot be told: it may be in the middle of a frame. */
  #breached(error: unknown): void {
    this.user.failed(error);
    this.destroy();
  }

  #onLastLinkEnded(error: Error | undefined): void {
    if (!this.#isEnding && !this.isBrief) {
      this.suspend(error);
      return;
    }
    this.#end();
    // The last link stays: a session that ended with its link was not suspended.
    this.#links.end();
    this.#settleClosed(error);
  }

  #end(): void {
    this.#isEnding = true;
    this.readTarget = undefined;
    this.#timer?.cancel();
    this.#drained.wake();
  }
}
