import { Waiters } from '../../base/waiters.ts';
import type { Link } from '../../transport/transport.ts';
import { KeptPieces } from './kept-pieces.ts';
import type { SessionLinks } from './session-links.ts';

/** Gives the present link of a session what the session keeps, as fast as the link takes it. */
export class SessionSender {
  readonly kept = new KeptPieces();
  readonly #links: SessionLinks;
  readonly #hadRoom: () => void;
  readonly #drained = new Waiters();
  #isLinkFull = false;
  /** How long the link may take to close, once it has been given everything. */
  #closeTimeoutMs: number | undefined;

  /** @param hadRoom called when the link has room again, before it is given more. */
  constructor(links: SessionLinks, hadRoom: () => void) {
    this.#links = links;
    this.#hadRoom = hadRoom;
  }

  /** A link carries the session. */
  get hasLink(): boolean {
    return this.#links.isCarried;
  }

  get hasRoom(): boolean {
    return this.#isLinkReady && (this.#links.link!.allowance ?? 1) > 0;
  }

  /** The link is to be closed, once it has been given everything. */
  get isClosing(): boolean {
    return this.#closeTimeoutMs !== undefined;
  }

  /** Whether a frame that is not kept may go out now: not in the middle of another, and not on a link that is full. */
  get maySayBeside(): boolean {
    return this.#isLinkReady && !this.kept.isInPiece;
  }

  /** Only where {@link SessionSender.maySayBeside}. */
  sayBeside(frame: Uint8Array): void {
    const link = this.#links.link!;
    if (!link.send(frame)) this.#waitFor(link);
  }

  /** Hands over what waits, as far as the link takes it. */
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

  /** The present link is another one. */
  changeLink(): void {
    this.#isLinkFull = false;
  }

  /** The present link is given what follows a position; at first the rest of a frame, where it begins in one. */
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
