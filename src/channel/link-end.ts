import type { Link } from '../transport/transport.ts';

type OnEnd = (error: Error | undefined) => void;

/**
 * A link, and the callback for its end. The link has one owner at a time: first its handshake, then its channel. Only
 * the present owner's callback is called. A separate listener for each would cost an idle connection 200 bytes.
 */
export class LinkEnd {
  readonly link: Link;
  /** Called before the owner's callback. */
  onGone: (() => void) | undefined;
  #owner: OnEnd | undefined;
  #hasEnded = false;

  constructor(link: Link) {
    this.link = link;
    void link.closed.then((error) => {
      this.#hasEnded = true;
      this.onGone?.();
      this.#tell(error);
    });
  }

  /** Sets the callback for the end of the link. If the link has ended already, `onEnd` is called soon. */
  own(onEnd: OnEnd): void {
    this.#owner = onEnd;
    if (this.#hasEnded) void this.link.closed.then((error) => this.#tell(error));
  }

  /** The link stays without an owner until the next {@link LinkEnd.own}. */
  disown(): void {
    this.#owner = undefined;
  }

  #tell(error: Error | undefined): void {
    const owner = this.#owner;
    this.#owner = undefined;
    owner?.(error);
  }
}
