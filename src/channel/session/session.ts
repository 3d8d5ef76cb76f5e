import type { Address } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { LimitsByAddress } from '../../transport/address-limits.ts';
import type { LinkPath } from '../../transport/link-path.ts';
import type { Security } from '../../transport/security.ts';
import type { Link } from '../../transport/transport.ts';
import type { FrameSkimmer } from '../../wire/frames/frame-skimmer.ts';
import type { LinkEnd } from '../link-end.ts';
import type { SharedFrame } from '../send/shared-frame.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { SessionLinks } from './session-links.ts';
import { SessionSender } from './session-sender.ts';

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
  readonly #sender: SessionSender;
  readonly #acknowledgements: Acknowledgements;
  #isEnding = false;
  #hasOverflowed = false;
  #isPaused = false;
  #breaks = 0;
  /** The other side has returned to the present link, and goes on from there. */
  #returnedAt: number | undefined;

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
        mayReturn: () => this.#isOfUse,
        breached: (error) => this.#breached(error),
        ended: (error) => this.#onLastLinkEnded(error),
      },
      runtime,
    );
    this.#sender = new SessionSender(this.#links, () => this.#acknowledgements.sayIfMuch());
    this.#acknowledgements = new Acknowledgements(runtime, this.#sender, () => this.user);
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
    return this.#sender.kept.costBytes;
  }

  /** The memory of that, and of what was never sent; what sessions share is split between them. */
  get heldBytes(): number {
    return this.#sender.kept.heldBytes;
  }

  /**
   * @param sent called once the other side has acknowledged the bytes and no link holds them.
   * @param shared set where other sessions are given the same bytes.
   */
  send(bytes: Uint8Array, sent?: () => void, shared?: SharedFrame): boolean {
    this.onGrowth(this.#sender.kept.push(bytes, sent, shared));
    this.#sender.pump();
    if (this.keptBytes > this.#maxKeptBytes && !this.#hasOverflowed) {
      this.#hasOverflowed = true;
      this.user.overflowed();
    }
    return this.#sender.hasRoom;
  }

  drained(): Promise<void> {
    return this.#isEnding ? Promise.resolve() : this.#sender.drained();
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
    this.#sender.closeWhenSent(timeoutMs);
  }

  destroy(): void {
    this.#end();
    this.#sender.stayOpen();
    this.#links.end();
    if (this.link === undefined) this.#settleClosed(undefined);
    this.link?.destroy();
  }

  /** Ends the session now. Its link may still send what it was handed, unless that stops in the middle of a frame. */
  abandon(): void {
    this.#end();
    this.#links.end();
    if (this.#sender.kept.hasNext) this.link?.destroy();
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
    this.#sender.changeLink();
    this.#links.moveTo(end, arrived);
  }

  /** Whether it can move at the moment. */
  get isAbleToMove(): boolean {
    return this.canMove && this.#isOfUse && this.#links.isCarried;
  }

  /** The present link has proven itself: the one that carried the session before it ends. */
  endMove(): void {
    this.#links.endMove();
  }

  /** The other side has returned to the present link. @throws PeerloomError `ERR_PROTOCOL`. */
  onCarry(position: number, frameBytes: number): void {
    if (!this.canMove) throw new PeerloomError('ERR_PROTOCOL', 'a session moved that cannot');
    this.#acknowledgements.discount(frameBytes);
    this.#returnedAt = position;
  }

  /** Gives the present link up before another one takes its place; what this side says there. */
  freeze(): { id: string; receivedBytes: number; breaks: number } {
    this.#unlink();
    return { id: this.id, receivedBytes: this.user.readBytes, breaks: this.#breaks };
  }

  /** Whether the other side can go on from there. */
  canResumeAt(receivedBytes: number): boolean {
    return !this.#isEnding && this.#sender.kept.has(receivedBytes);
  }

  /** The other side has gone on from there: whoever names that position said so before. */
  isPast(receivedBytes: number): boolean {
    return this.#sender.kept.isPast(receivedBytes);
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
    this.#acknowledgements.discount(frameBytes);
    if (this.#sender.kept.acknowledge(position)) this.user.acknowledged();
  }

  /** Keeps what the channel has not sent, and never will: the user may have to hear of it. */
  keepUnsent(bytes: Uint8Array, shared?: SharedFrame): void {
    this.#sender.kept.keepUnsent(bytes, shared);
  }

  /** What is not acknowledged, or was never sent: whole frames, from the beginning of a message on. */
  unacknowledged(): Uint8Array[] {
    return this.#sender.kept.unacknowledged();
  }

  /** Forgets what was kept, once the session is over and the user has heard of it. */
  forget(): void {
    this.#sender.kept.clear();
  }

  /** Something is to be sent, or may be. */
  get #isOfUse(): boolean {
    return !this.#isEnding || this.#sender.isClosing;
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
    this.#sender.changeLink();
    this.user.suspended(error);
  }

  /** The present link carries it; the other side has received everything up to a position. @throws PeerloomError. */
  #carried(position: number): void {
    if (!this.#sender.kept.has(position)) {
      throw new PeerloomError('ERR_PROTOCOL', 'the other side moved the session to where it has not been');
    }
    this.#sender.changeLink();
    this.#goOnFrom(position);
  }

  /** Gives the present link what follows a position. */
  #goOnFrom(position: number): void {
    if (this.#isPaused) this.link!.pause();
    this.#sender.goOnFrom(position);
    this.#acknowledgements.sayAgain();
    this.#sender.pump();
  }

  #onBytes(bytes: Uint8Array): void {
    this.#acknowledgements.count(bytes.length);
    this.onMessage(bytes);
    if (this.#returnedAt !== undefined) this.#goBack(this.#returnedAt);
    if (!this.#isEnding) this.#acknowledgements.sayWhenDue();
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
    this.#acknowledgements.end();
    this.#sender.wakeWaiters();
  }
}
