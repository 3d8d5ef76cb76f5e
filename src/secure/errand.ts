import type { Data } from '../base/data.ts';
import { defaultLimits } from '../base/limits.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { type SharedRequest, shareRequest } from '../channel/send/shared-encoding.ts';
import type { Envelope } from './envelope.ts';
import { relayRequest } from './relay-messages.ts';
import type { SecureChannel } from './secure-channel.ts';

const minBudgetMs = 20;

/** A longer letter waits until its carrier has taken everything sent before it. */
export const largeBytes = 64 * 1024;

export interface ErrandOptions {
  readonly letter: Envelope;
  /** Milliseconds for the whole errand. */
  readonly budgetMs: number;
  readonly runtime: Runtime;
  /** Called with each neighbour's answer, which is not proven yet. `null`: no path leads on from that neighbour. */
  readonly onAnswer: (answer: Data, channel: SecureChannel, errand: Errand) => void | Promise<void>;
}

/**
 * A letter that this node hands to neighbours to carry on. It is encoded once, however many neighbours carry it, and
 * its memory is released as soon as all of them have it. Their answers come later.
 */
export class Errand {
  /** The hash of the letter. */
  readonly hash: string;
  /** Resolves when all neighbours have answered, the time is over, or `end` was called. */
  readonly ended: Promise<void>;
  readonly #runtime: Runtime;
  readonly #endsAtMs: number;
  readonly #onAnswer: ErrandOptions['onAnswer'];
  readonly #isLarge: boolean;
  /** Neighbours whose answer may still come. */
  readonly #waitsFor = new Set<SecureChannel>();
  /** Answers that are being checked. */
  #answers = 0;
  /** The encoded letter; `undefined` once all neighbours have it. */
  #request: SharedRequest | undefined;
  #settle!: () => void;
  #isEnded = false;
  readonly #timer: RuntimeTimer;

  constructor({ letter, budgetMs, runtime, onAnswer }: ErrandOptions) {
    const ownBudgetMs = Math.max(budgetMs, minBudgetMs);
    this.hash = letter.hash;
    this.#runtime = runtime;
    this.#endsAtMs = runtime.now() + ownBudgetMs;
    this.#onAnswer = onAnswer;
    const request = relayRequest(letter as unknown as Data, ownBudgetMs);
    this.#request = shareRequest(request, defaultLimits.maxContainers);
    this.#isLarge = this.#request.bytes > largeBytes;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#timer = runtime.setTimeout(() => this.end(), ownBudgetMs);
  }

  /** Whether nobody waits for an answer any more. */
  get isOver(): boolean {
    return this.#isEnded || this.#runtime.now() >= this.#endsAtMs;
  }

  /**
   * Gives the letter to neighbours.
   *
   * @returns a promise that resolves when each of them has it, or cannot get it.
   */
  async giveTo(carriers: readonly SecureChannel[]): Promise<void> {
    for (const channel of carriers) this.#waitsFor.add(channel);
    await Promise.all(carriers.map((channel) => this.#giveTo(channel)));
    this.#request = undefined;
    this.#endIfAnswered();
  }

  /** Handles the answer of a neighbour; only its first one counts. */
  async answered(answer: Data, channel: SecureChannel): Promise<void> {
    if (this.isOver || !this.#waitsFor.delete(channel)) return;
    this.#answers += 1;
    try {
      await this.#onAnswer(answer, channel, this);
    } finally {
      this.#answers -= 1;
      this.#endIfAnswered();
    }
  }

  /** A neighbour has left, so it will not answer. */
  left(channel: SecureChannel): void {
    if (this.#waitsFor.delete(channel)) this.#endIfAnswered();
  }

  end(): void {
    this.#isEnded = true;
    this.#timer.cancel();
    this.#settle();
  }

  async #giveTo(channel: SecureChannel): Promise<void> {
    const done = Promise.withResolvers<void>();
    try {
      if (this.#isLarge) await Promise.race([channel.roomForLarge(done.promise), this.ended]);
      else if (!channel.hasLink) await Promise.race([channel.linked(), this.ended]);
      if (this.isOver) return;
      const isTaken = channel.relay(this.#request!, this.#endsAtMs - this.#runtime.now());
      if ((await Promise.race([isTaken, this.ended])) !== false) return;
    } catch {
      // The connection has closed, its queue is full, or the neighbour did not respond.
    } finally {
      done.resolve();
    }
    this.left(channel);
  }

  #endIfAnswered(): void {
    if (this.#waitsFor.size === 0 && this.#answers === 0) this.end();
  }
}
