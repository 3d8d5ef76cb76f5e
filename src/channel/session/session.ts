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

/** Unacknowledged bytes allowed beyond a full queue: more than the buffers of sockets hold. */
const maxUnderWayBytes = 16 * 1024 * 1024;

export interface SessionOptions {
  readonly runtime: Runtime;
  /** The channel's cap on waiting bytes. */
  readonly queueMaxBytes: number;
  /** Whether the session can move to another link while it still has one. */
  readonly canMove?: boolean;
  /** Whether the session exists only for moves. It then ends with its last link. */
  readonly isBrief?: boolean;
}

/** The channel that a session carries. */
export interface SessionUser {
  /** Bytes received so far, not counting acknowledgements. */
  readonly readBytes: number;
  /** How many of them belong to complete frames and messages. */
  readonly wholeBytes: number;
  /** The other side reads but does not acknowledge, so the kept frames grow without limit. */
  overflowed(): void;
  /** The other side has acknowledged more, so there is more room. */
  acknowledged(): void;
  /** The next bytes will arrive over another link. @returns a skimmer for the rest of the present link. */
  leftLink(): FrameSkimmer;
  /** The other side broke the protocol. */
  failed(error: unknown): void;
  /** The link broke; another one may take its place. */
  suspended(error: Error | undefined): void;
  /** Another link has taken its place. */
  resumed(): void;
}

/**
 * A link that survives the loss of the links beneath it. Both sides count bytes. Each side keeps what it has sent until
 * the other side acknowledges it. After a break, each side resumes at the position up to which the other has received,
 * so that no byte is lost, repeated or reordered. The channel above sees one unbroken flow (docs/protocol.md, section
 * 10).
 *
 * Acknowledgements are cumulative. They do not count towards the position, and are neither kept nor sent again.
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
  /** Called with the bytes that are newly kept. */
  onGrowth: (bytes: number) => void = () => {};
  /** Called when the link is lost, but not when the session gives it up for another link. */
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
  /** Set when the other side has returned to the present link: the position from which it wants to continue. */
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

  /** How often the link broke or was replaced. */
  get breaks(): number {
    return this.#breaks;
  }

  /** Whether the session has no link at present. */
  get isSuspended(): boolean {
    return this.link === undefined;
  }

  /** The present link. `undefined` while the session is suspended. */
  get link(): Link | undefined {
    return this.#links.link;
  }

  /** Whether the session has moved and the earlier link is still open. */
  get isMoving(): boolean {
    return this.#links.isMoving;
  }

  /** The path of the present link or, while suspended, of the last one. */
  get path(): LinkPath | undefined {
    return this.link?.path ?? this.#lastPath;
  }

  /** The cost of what is kept in case it must be sent again. */
  get keptBytes(): number {
    return this.#sender.kept.costBytes;
  }

  /** The memory of that and of what was never sent. Memory that sessions share is split between them. */
  get heldBytes(): number {
    return this.#sender.kept.heldBytes;
  }

  /**
   * @param sent called once the other side has acknowledged the bytes and no link holds them.
   * @param shared set if other sessions get the same bytes.
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

  /** Sends what waits, then closes. */
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

  /** Ends the session now. The link may still send what it has, unless that ends in the middle of a frame. */
  abandon(): void {
    this.#end();
    this.#links.end();
    if (this.#sender.kept.hasNext) this.link?.destroy();
    this.#settleClosed(undefined);
  }

  /** Bytes received from the other side so far. */
  get heardBytes(): number {
    return this.user.readBytes;
  }

  /** The present link is lost. The session returns to the link that it moved away from, or is suspended. */
  suspend(error?: Error): void {
    if (this.isMoving) {
      this.#links.lose(error);
      return;
    }
    this.#unlink(error);
    this.onLost();
  }

  /**
   * Moves to another link, whose handshake is done. The present link stays open so that the session can return to it.
   *
   * @throws PeerloomError `ERR_PROTOCOL` if the session cannot move.
   */
  moveTo(end: LinkEnd, arrived: readonly Uint8Array[]): void {
    if (!this.isAbleToMove) throw new PeerloomError('ERR_PROTOCOL', 'the session cannot move');
    this.#sender.changeLink();
    this.#links.moveTo(end, arrived);
  }

  /** Whether the session can move now. */
  get isAbleToMove(): boolean {
    return this.canMove && this.#isOfUse && this.#links.isCarried;
  }

  /** The present link has proven itself. Closes the earlier link. */
  endMove(): void {
    this.#links.endMove();
  }

  /** The other side has returned to the present link. @throws PeerloomError `ERR_PROTOCOL`. */
  onCarry(position: number, frameBytes: number): void {
    if (!this.canMove) throw new PeerloomError('ERR_PROTOCOL', 'a session moved that cannot');
    this.#acknowledgements.discount(frameBytes);
    this.#returnedAt = position;
  }

  /** Gives up the present link before another replaces it. @returns what this side says in the new link's handshake. */
  freeze(): { id: string; receivedBytes: number; breaks: number } {
    this.#unlink();
    return { id: this.id, receivedBytes: this.user.readBytes, breaks: this.#breaks };
  }

  /** Whether the other side can resume from a position. */
  canResumeAt(receivedBytes: number): boolean {
    return !this.#isEnding && this.#sender.kept.has(receivedBytes);
  }

  /** Whether the other side has acknowledged more than this position, so that the position is out of date. */
  isPast(receivedBytes: number): boolean {
    return this.#sender.kept.isPast(receivedBytes);
  }

  /**
   * Resumes over another link, whose handshake is done.
   *
   * @param promised what this side said in the handshake: its received bytes, and how often the session broke.
   * @param receivedBytes what the other side has received.
   * @param arrived the bytes that arrived after the handshake.
   * @throws PeerloomError `ERR_PROTOCOL` if the two sides cannot resume there.
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

  /** The other side has acknowledged everything up to a position. @throws PeerloomError `ERR_PROTOCOL`. */
  onAcknowledged(position: number, frameBytes: number): void {
    this.#acknowledgements.discount(frameBytes);
    if (this.#sender.kept.acknowledge(position)) this.user.acknowledged();
  }

  /** Keeps what the channel will never send, because the user may have to learn about it. */
  keepUnsent(bytes: Uint8Array, shared?: SharedFrame): void {
    this.#sender.kept.keepUnsent(bytes, shared);
  }

  /** What is not acknowledged or was never sent: whole frames, starting at the beginning of a message. */
  unacknowledged(): Uint8Array[] {
    return this.#sender.kept.unacknowledged();
  }

  /** Drops what was kept. Call it once the session is over and the user was told. */
  forget(): void {
    this.#sender.kept.clear();
  }

  /** Whether the session may still send. */
  get #isOfUse(): boolean {
    return !this.#isEnding || this.#sender.isClosing;
  }

  #attach(end: LinkEnd): void {
    this.#links.begin(end);
    // A link that the session leaves would continue to write into this memory.
    if (!this.canMove) end.link.readTarget = () => this.readTarget?.();
  }

  /** Gives up the links, but not the session. */
  #unlink(error?: Error): void {
    if (this.link === undefined || this.#isEnding) return;
    this.#lastPath = this.link.path;
    this.#links.release();
    this.#breaks += 1;
    this.#sender.changeLink();
    this.user.suspended(error);
  }

  /**
   * The present link carries the session. The other side has received everything up to a position. @throws
   * PeerloomError.
   */
  #carried(position: number): void {
    if (!this.#sender.kept.has(position)) {
      throw new PeerloomError('ERR_PROTOCOL', 'the other side moved the session to where it has not been');
    }
    this.#sender.changeLink();
    this.#goOnFrom(position);
  }

  /** Sends what follows a position over the present link. */
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

  /** Ends the session. No reason is sent, because the other side may be in the middle of a frame. */
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
    // The last link stays set, because a session that ends with its link was not suspended.
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
