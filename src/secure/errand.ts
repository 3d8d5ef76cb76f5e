import type { Data } from '../base/data.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { shareBytes } from '../channel/send/shared-bytes.ts';
import type { Envelope } from './envelope.ts';
import type { Neighbour, OutgoingLetter } from './neighbour.ts';
import { largeBytes, relayFrame } from './secure-frames.ts';

const minBudgetMs = 20;

export interface ErrandOptions {
  readonly letter: Envelope;
  /** Milliseconds for the whole errand. */
  readonly budgetMs: number;
  readonly runtime: Runtime;
  /** Called with each neighbour's answer, which is not proven yet. `null`: no path leads on from that neighbour. */
  readonly onAnswer: (answer: Data, neighbour: Neighbour, errand: Errand) => void | Promise<void>;
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
  readonly #waitsFor = new Set<Neighbour>();
  /** Answers that are being checked. */
  #answers = 0;
  /** The encoded letter; `undefined` once all neighbours have it. */
  #letter: OutgoingLetter | undefined;
  #settle!: () => void;
  #isEnded = false;
  readonly #timer: RuntimeTimer;

  constructor({ letter, budgetMs, runtime, onAnswer }: ErrandOptions) {
    const ownBudgetMs = Math.max(budgetMs, minBudgetMs);
    this.hash = letter.hash;
    this.#runtime = runtime;
    this.#endsAtMs = runtime.now() + ownBudgetMs;
    this.#onAnswer = onAnswer;
    const frame = relayFrame(letter as unknown as Data, ownBudgetMs);
    shareBytes(frame);
    this.#letter = { hash: letter.hash, frame };
    this.#isLarge = frame.length > largeBytes;
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
  async giveTo(carriers: readonly Neighbour[]): Promise<void> {
    for (const neighbour of carriers) this.#waitsFor.add(neighbour);
    await Promise.all(carriers.map((neighbour) => this.#giveTo(neighbour)));
    this.#letter = undefined;
    this.#endIfAnswered();
  }

  /** Handles the answer of a neighbour; only its first one counts. */
  async answered(answer: Data, neighbour: Neighbour): Promise<void> {
    if (this.isOver || !this.#waitsFor.delete(neighbour)) return;
    this.#answers += 1;
    try {
      await this.#onAnswer(answer, neighbour, this);
    } finally {
      this.#answers -= 1;
      this.#endIfAnswered();
    }
  }

  /** A neighbour has left, so it will not answer. */
  left(neighbour: Neighbour): void {
    if (this.#waitsFor.delete(neighbour)) this.#endIfAnswered();
  }

  end(): void {
    this.#isEnded = true;
    this.#timer.cancel();
    this.#settle();
  }

  async #giveTo(neighbour: Neighbour): Promise<void> {
    const done = Promise.withResolvers<void>();
    try {
      if (this.#isLarge) await Promise.race([neighbour.roomForLarge(done.promise), this.ended]);
      else if (!neighbour.hasLink) await Promise.race([neighbour.linked(), this.ended]);
      if (this.isOver) return;
      const isTaken = neighbour.relay(this.#letter!, this.#endsAtMs - this.#runtime.now());
      if ((await Promise.race([isTaken, this.ended])) !== false) return;
    } catch {
      // The connection has closed, its queue is full, or the neighbour did not respond.
    } finally {
      done.resolve();
    }
    this.left(neighbour);
  }

  #endIfAnswered(): void {
    if (this.#waitsFor.size === 0 && this.#answers === 0) this.end();
  }
}
