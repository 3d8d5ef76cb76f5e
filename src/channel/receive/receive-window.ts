import { PeerloomError } from '../../base/errors.ts';
import type { Lane } from '../../wire/frames/windows.ts';

/** Tells the other side up to which position it may send. */
export interface Granter {
  credit(lane: Lane, position: number): void;
}

/**
 * What the other side may send of one lane. It ends a window's length behind what was handled; the other side is told
 * when half of the window is used up, so that few frames say so and it never has to wait without a reason.
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
   * What may still be handled before the window is used up. At half of the window, the other side is granted more. This
   * counts down, because V8 handles small integers best, and positions become large.
   */
  #leftBytes: number;

  constructor(windowBytes: number, lane: Lane, granter: Granter) {
    this.#windowBytes = this.#grantedBytes = this.#leftBytes = windowBytes;
    this.#lane = lane;
    this.#granter = granter;
  }

  /**
   * A message has come, while others are not handled that cost so much.
   *
   * @throws PeerloomError `ERR_PROTOCOL` when it should not have been sent yet.
   */
  check(unhandledBytes: number): void {
    if (unhandledBytes < this.#leftBytes) return;
    throw new PeerloomError(
      'ERR_PROTOCOL',
      'the other side sent a message beyond the window that it was granted',
    );
  }

  /** What costs so much was handled, or is dropped. */
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
