import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import type { Link } from '../../transport/transport.ts';
import { FrameKind, positionBody, smallFrame } from '../../wire/frames/frame.ts';
import { FrameSkimmer } from '../../wire/frames/frame-skimmer.ts';
import type { LinkEnd } from '../link-end.ts';

/** How long the other side may take to confirm that a link carries the session. */
const carryTimeoutMs = 5_000;

/** How long an unneeded link may take to close. */
const closeTimeoutMs = 1_000;

/** The session that the links carry. */
export interface SessionLinksUser {
  /** Bytes of the session have arrived. */
  readonly onBytes: (bytes: Uint8Array) => void;
  /** The session leaves the present link. @returns the position up to which it was read, and a skimmer for the rest. */
  readonly leave: () => { readonly position: number; readonly skimmer: FrameSkimmer };
  /** The position up to which the session was read, while it reads no link. */
  readonly position: () => number;
  /** The present link carries the session from now on. The other side has received everything up to `position`. */
  readonly carried: (position: number) => void;
  /** Whether the session may return to an earlier link if it loses the present one. */
  readonly mayReturn: () => boolean;
  /** The other side broke the protocol. */
  readonly breached: (error: unknown) => void;
  /** The last link has ended. */
  readonly ended: (error: Error | undefined) => void;
}

interface CarryingLink {
  readonly link: Link;
  /** Set while the link does not carry the session. */
  skimmer: FrameSkimmer | undefined;
  hasEnded: boolean;
}

/**
 * The links of a session: the present link and, during a move, the earlier one (docs/protocol.md, 10.12 to 10.14).
 *
 *   move:  each side sends its received position on the new link and stops reading the earlier link. Then each sends
 *          what the other lacks on the new link. The earlier link is *parked*: it stays open and is skimmed.
 *   back:  if the new link ends or stays silent, one side sends its position on the parked link, and the other answers.
 */
export class SessionLinks {
  readonly #user: SessionLinksUser;
  readonly #runtime: Runtime;
  #current: CarryingLink | undefined;
  #parked: CarryingLink | undefined;
  #timer: RuntimeTimer | undefined;

  constructor(user: SessionLinksUser, runtime: Runtime) {
    this.#user = user;
    this.#runtime = runtime;
  }

  /** The present link. */
  get link(): Link | undefined {
    return this.#current?.link;
  }

  /** Whether the present link carries the session. It does so once the other side has sent its position. */
  get isCarried(): boolean {
    return this.#current !== undefined && this.#current.skimmer === undefined;
  }

  /** Whether the earlier link is still open. */
  get isMoving(): boolean {
    return this.#parked !== undefined;
  }

  /** Takes the first link, or a link over which the session resumes. */
  begin(end: LinkEnd): void {
    this.#current = this.#attach(end, undefined);
  }

  /** @param arrived what arrived behind the handshake of the new link. */
  moveTo(end: LinkEnd, arrived: readonly Uint8Array[]): void {
    const position = this.#leaveCurrent();
    this.#parked?.link.destroy();
    this.#parked = this.#current;
    // What still arrives on it is skipped, even while the session is paused.
    this.#parked?.link.resume();
    this.#current = this.#attach(end, new FrameSkimmer());
    this.#ask(position);
    for (const bytes of arrived) this.#onBytes(this.#current, bytes);
  }

  /** The present link has proven itself. Closes the earlier link. */
  endMove(): void {
    const parked = this.#parked;
    this.#parked = undefined;
    parked?.link.close(closeTimeoutMs);
  }

  /** The present link is lost. The session returns to the earlier link, or has no link left. */
  lose(error: Error | undefined): void {
    const lost = this.#current;
    if (lost === undefined) return;
    if (this.#parked === undefined || !this.#user.mayReturn()) {
      this.#user.ended(error);
      return;
    }
    const position = this.#leaveCurrent();
    this.#current = this.#parked;
    this.#parked = undefined;
    silence(lost);
    this.#ask(position);
  }

  /** Answers the other side, which has returned to the present link. */
  answer(): void {
    this.#say(this.#user.position());
  }

  /** Gives all links up. */
  release(): void {
    this.#timer?.cancel();
    if (this.#parked !== undefined) silence(this.#parked);
    if (this.#current !== undefined) silence(this.#current);
    this.#current = this.#parked = undefined;
  }

  /** The session ends together with the present link, so it drops the parked one. */
  end(): void {
    this.#timer?.cancel();
    if (this.#parked !== undefined) silence(this.#parked);
    this.#parked = undefined;
  }

  #attach(end: LinkEnd, skimmer: FrameSkimmer | undefined): CarryingLink {
    const { link } = end;
    const carrying: CarryingLink = { link, skimmer, hasEnded: false };
    link.onMessage = (bytes) => this.#onBytes(carrying, bytes);
    end.own((error) => this.#onEnd(carrying, error));
    return carrying;
  }

  #leaveCurrent(): number {
    if (!this.isCarried) return this.#user.position();
    const { position, skimmer } = this.#user.leave();
    this.#current!.skimmer = skimmer;
    return position;
  }

  /** Sends the received position on the present link, and waits for the other side's answer. */
  #ask(position: number): void {
    const { link } = this.#current!;
    this.#timer?.cancel();
    this.#timer = this.#runtime.setTimeout(() => {
      if (this.#current?.link === link) this.lose(new Error('the other side did not go on over this link'));
    }, carryTimeoutMs);
    this.#say(position);
  }

  #say(position: number): void {
    this.#current!.link.send(smallFrame(FrameKind.carry, positionBody(position)));
  }

  #onBytes(carrying: CarryingLink, bytes: Uint8Array): void {
    const { skimmer } = carrying;
    if (skimmer === undefined) {
      this.#user.onBytes(bytes);
      return;
    }
    try {
      const carry = skimmer.push(bytes);
      if (carry === undefined) return;
      this.#carriedBy(carrying, carry.position);
      if (carry.read < bytes.length) this.#user.onBytes(bytes.subarray(carry.read));
    } catch (error) {
      this.#user.breached(error);
    }
  }

  #carriedBy(carrying: CarryingLink, position: number): void {
    this.#timer?.cancel();
    if (carrying === this.#parked) {
      const own = this.#leaveCurrent();
      if (this.#current !== undefined) silence(this.#current);
      this.#current = carrying;
      this.#parked = undefined;
      this.#say(own);
    }
    carrying.skimmer = undefined;
    this.#user.carried(position);
  }

  #onEnd(ended: CarryingLink, error: Error | undefined): void {
    ended.hasEnded = true;
    if (ended === this.#parked) this.#parked = undefined;
    else if (ended === this.#current) this.lose(error);
  }
}

/** Closes a link and ignores what still arrives on it. */
function silence({ link, hasEnded }: CarryingLink): void {
  link.onMessage = () => {};
  link.readTarget = undefined;
  if (!hasEnded) link.destroy();
}
