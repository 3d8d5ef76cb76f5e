import type { SecureChannel } from './secure-channel.ts';

/** Tells when there is a link with a neighbour, and when it has room for large frames. */
export class LinkRoom {
  readonly #channel: SecureChannel;
  /** Large frames wait for room one after another. */
  #lane: Promise<void> = Promise.resolve();
  #linkBack: Promise<void> | undefined;

  constructor(channel: SecureChannel) {
    this.#channel = channel;
  }

  /** Whether a frame can be sent now, without waiting for another link. */
  get hasLink(): boolean {
    return this.#channel.isOpen && !this.#channel.isSuspended;
  }

  /** Resolves when the neighbour can be reached again, or when the connection has closed. */
  linked(): Promise<void> {
    if (this.hasLink) return Promise.resolve();
    // The pong shows that the link is back.
    const done = (): void => {
      this.#linkBack = undefined;
    };
    this.#linkBack ??= this.#channel.ping({ timeoutMs: Number.POSITIVE_INFINITY }).then(done, done);
    return this.#linkBack;
  }

  /**
   * Resolves when little data waits to be sent, and every earlier caller is done. Data that has left this process may
   * still fill the link, and other frames for the neighbour wait for that data.
   *
   * @param done a promise of the caller: no other caller has room until it resolves.
   */
  roomForLarge(done: Promise<void>): Promise<void> {
    const room = this.#lane.then(() => this.linked()).then(() => this.#channel.drained());
    this.#lane = room.then(() => done);
    return room;
  }
}
