import { PeerloomError } from '../../base/errors.ts';
import type { Lane } from '../../wire/frames/windows.ts';

/** Tells the other side up to which position it may send. */
export interface Granter {
  credit(lane: Lane, position: number): void;
}

/**
 * How far the other side may send in one lane: a window's length past what was handled. A credit is sent when half of
 * the window is used up. So few credits are needed, and the sender never waits without a reason.
 *
 *    ── handled ──┬── waiting, or in hand ──┬── still to come ──┐
 *    handledBytes ┘                         └      grantedBytes ┘
 */
export class ReceiveWindow {
  readonly #windowBytes: number;
  readonly #lane: Lane;
  readonly #granter: Granter;
  #grantedBytes: number;
  /**
   * Bytes that may still be handled before the window is used up. At half of the window, a credit is sent. The counter
   * counts down because V8 handles small integers best, and positions become large.
   */
  #leftBytes: number;

  constructor(windowBytes: number, lane: Lane, granter: Granter) {
    this.#windowBytes = this.#grantedBytes = this.#leftBytes = windowBytes;
    this.#lane = lane;
    this.#granter = granter;
  }

  /**
   * A frame has arrived.
   *
   * @param unhandledBytes the cost of all unhandled frames of the lane, with this one.
   * @throws PeerloomError `ERR_PROTOCOL` if the other side was not allowed to send it yet.
   */
  check(unhandledBytes: number): void {
    if (unhandledBytes < this.#leftBytes) return;
    throw new PeerloomError(
      'ERR_PROTOCOL',
      'the other side sent a message beyond the window that it was granted',
    );
  }

  /** A frame with this cost was handled or dropped. */
  handled(costBytes: number): void {
    this.#leftBytes -= costBytes;
    if (this.#leftBytes <= this.#windowBytes / 2) this.#extend();
  }

  #extend(): void {
    this.#grantedBytes += this.#windowBytes - this.#leftBytes;
    this.#leftBytes = this.#windowBytes;
    this.#granter.credit(this.#lane, this.#grantedBytes);
  }
}
