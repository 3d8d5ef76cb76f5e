import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import type { Link } from '../../transport/transport.ts';
import { FrameKind, positionBody, smallFrame } from '../../wire/frames/frame.ts';
import { FrameSkimmer } from '../../wire/frames/frame-skimmer.ts';
import type { LinkEnd } from '../link-end.ts';

/** How long the other side may take to answer that a link carries the session. */
const carryTimeoutMs = 5_000;

/** How long a link that is not needed any more may take to end. */
const closeTimeoutMs = 1_000;

/** The session that the links carry. */
export interface SessionLinksUser {
  /** Bytes of the session have arrived. */
  readonly onBytes: (bytes: Uint8Array) => void;
  /** The present link is left. @returns up to where it was read, and what skims the rest of it. */
  readonly leave: () => { readonly position: number; readonly skimmer: FrameSkimmer };
  /** How far was read, while no link is read. */
  readonly position: () => number;
  /** The present link carries the session from now on; the other side has received everything up to a position. */
  readonly carried: (position: number) => void;
  /** Whether an earlier link is of use when the present one is lost. */
  readonly mayReturn: () => boolean;
  /** The other side broke the protocol. */
  readonly breached: (error: unknown) => void;
  /** The last link has ended. */
  readonly ended: (error: Error | undefined) => void;
}

interface CarryingLink {
  readonly link: Link;
  /** While it does not carry the session. */
  skimmer: FrameSkimmer | undefined;
  hasEnded: boolean;
}

/**
 * The links of a session: the present one, and during a move the earlier one beside it (docs/protocol.md, 10.12 to 10.14).
 *
 *   move:  both sides say on the new link up to where they have received, and stop reading the earlier one; then each
 *          sends on the new link what the other lacks. The earlier one is *parked*: kept open, and skimmed.
 *   back:  if the new link ends, or stays silent, either side says the same on the parked link, and the other answers.
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

  /** Whether the present link carries the session: the other side has said from where on. */
  get isCarried(): boolean {
    return this.#current !== undefined && this.#current.skimmer === undefined;
  }

  /** The earlier link is still there. */
  get isMoving(): boolean {
    return this.#parked !== undefined;
  }

  /** The first link, or one over which the session resumes. */
  begin(end: LinkEnd): void {
    this.#current = this.#attach(end, undefined);
  }

  /** @param arrived what arrived behind the handshake of the new link. */
  moveTo(end: LinkEnd, arrived: readonly Uint8Array[]): void {
    const position = this.#leaveCurrent();
    this.#parked?.link.destroy();
    this.#parked = this.#current;
    // What it still brings is passed over, even if the session is paused.
    this.#parked?.link.resume();
    this.#current = this.#attach(end, new FrameSkimmer());
    this.#ask(position);
    for (const bytes of arrived) this.#onBytes(this.#current, bytes);
  }

  /** The present link has lasted: the earlier one ends. */
  endMove(): void {
    const parked = this.#parked;
    this.#parked = undefined;
    parked?.link.close(closeTimeoutMs);
  }

  /** The present link is lost: the session returns to the earlier one, or has none left. */
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

  /** The other side says on the present link, which carries the session, that it has returned to it. */
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

  /** Says on the present link where the other side is to go on, and waits for its answer. */
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

/** Ends a link of which nothing is to be heard any more. */
function silence({ link, hasEnded }: CarryingLink): void {
  link.onMessage = () => {};
  link.readTarget = undefined;
  if (!hasEnded) link.destroy();
}
