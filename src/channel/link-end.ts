import type { Link } from '../transport/transport.ts';

type OnEnd = (error: Error | undefined) => void;

/**
 * A link, and what happens at its end. The link has one owner at a time, first its handshake and then its channel, and
 * only the present owner is told. Each listener of its own would cost an idle connection 200 bytes.
 */
export class LinkEnd {
  readonly link: Link;
  /** Called first, whoever owns the link then. */
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

  /** From now on, `onEnd` is called at the end of the link; soon, if it has ended already. */
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
