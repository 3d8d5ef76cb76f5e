import { Waiters } from '../../base/waiters.ts';
import type { Link } from '../../transport/transport.ts';
import { KeptPieces } from './kept-pieces.ts';
import type { SessionLinks } from './session-links.ts';

/** Sends what a session keeps over its present link, as fast as the link takes it. */
export class SessionSender {
  readonly kept = new KeptPieces();
  readonly #links: SessionLinks;
  readonly #hadRoom: () => void;
  readonly #drained = new Waiters();
  #isLinkFull = false;
  /** Set while the link is to be closed once it has everything: how long closing may take. */
  #closeTimeoutMs: number | undefined;

  /** @param hadRoom called when the link has room again, before it is given more. */
  constructor(links: SessionLinks, hadRoom: () => void) {
    this.#links = links;
    this.#hadRoom = hadRoom;
  }

  /** Whether a link carries the session. */
  get hasLink(): boolean {
    return this.#links.isCarried;
  }

  get hasRoom(): boolean {
    return this.#isLinkReady && (this.#links.link!.allowance ?? 1) > 0;
  }

  /** Whether the link will be closed once it has everything. */
  get isClosing(): boolean {
    return this.#closeTimeoutMs !== undefined;
  }

  /** Whether an unkept frame may be sent now: the link is not full, and not in the middle of another frame. */
  get maySayBeside(): boolean {
    return this.#isLinkReady && !this.kept.isInPiece;
  }

  /** Sends a frame that is not kept. Call it only if {@link SessionSender.maySayBeside}. */
  sayBeside(frame: Uint8Array): void {
    const link = this.#links.link!;
    if (!link.send(frame)) this.#waitFor(link);
  }

  /** Gives the link what waits, as far as the link takes it. */
  pump(): void {
    while (this.hasRoom && this.kept.hasNext) this.#handNext();
    if (this.hasRoom) this.#drained.wake();
    if (!this.#isLinkReady || this.kept.hasNext || this.#closeTimeoutMs === undefined) return;
    this.#links.link!.close(this.#closeTimeoutMs);
    this.#closeTimeoutMs = undefined;
  }

  closeWhenSent(timeoutMs: number): void {
    this.#closeTimeoutMs = timeoutMs;
    this.pump();
  }

  stayOpen(): void {
    this.#closeTimeoutMs = undefined;
  }

  drained(): Promise<void> {
    return this.hasRoom ? Promise.resolve() : this.#drained.wait();
  }

  wakeWaiters(): void {
    this.#drained.wake();
  }

  /** Call it when the present link has changed. */
  changeLink(): void {
    this.#isLinkFull = false;
  }

  /** Sends what follows a position over the present link, first the rest of a frame if the position is within one. */
  goOnFrom(position: number): void {
    this.kept.rewind(position);
    if (this.kept.hasNext && this.hasRoom) this.#handNext();
  }

  get #isLinkReady(): boolean {
    return this.hasLink && !this.#isLinkFull;
  }

  #handNext(): void {
    const link = this.#links.link!;
    if (!this.kept.handNextTo(link, link.allowance ?? Number.POSITIVE_INFINITY)) this.#waitFor(link);
  }

  #waitFor(link: Link): void {
    this.#isLinkFull = true;
    void link.drained().then(() => {
      if (link !== this.#links.link) return;
      this.#isLinkFull = false;
      this.#hadRoom();
      this.pump();
    });
  }
}
