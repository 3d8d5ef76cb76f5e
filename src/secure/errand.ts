import type { Data } from '../base/data.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { shareBytes } from '../channel/send/shared-bytes.ts';
import type { Departures } from './departures.ts';
import type { Neighbour, OutgoingLetter } from './neighbour.ts';
import { largeBytes, setBudget } from './secure-frames.ts';

const minBudgetMs = 20;

/** The part of the errand's time that passes before the letter also goes to the other carriers. */
const firstShare = 1 / 4;

/** The neighbours that carry a letter on. */
export interface Carriers {
  readonly first: readonly Neighbour[];
  /** Neighbours that also get the letter if the first ones do not answer. */
  readonly others: readonly Neighbour[];
}

export interface ErrandOptions {
  /** The hash of the letter. */
  readonly hash: string;
  /** The frame in which the letter came or was written. The errand changes it. */
  readonly frame: Uint8Array;
  /** Milliseconds for the whole errand. */
  readonly budgetMs: number;
  readonly runtime: Runtime;
  /** The departures of all letters of this node. */
  readonly departures: Departures;
  /** Called with each neighbour's answer, which is not proven yet. `null` if no path leads on from that neighbour. */
  readonly onAnswer: (answer: Data, neighbour: Neighbour, errand: Errand) => void | Promise<void>;
}

/**
 * A letter that this node gives to neighbours, which pass it on. Its frame is made once, however many neighbours get
 * it, and is released as soon as all of them have it. Their answers come later.
 */
export class Errand {
  /** The hash of the letter. */
  readonly hash: string;
  /** Resolves when all neighbours have answered, the time is over, or `end` was called. */
  readonly ended: Promise<void>;
  readonly #runtime: Runtime;
  readonly #endsAtMs: number;
  readonly #departures: Departures;
  readonly #onAnswer: ErrandOptions['onAnswer'];
  readonly #isLarge: boolean;
  /** Neighbours whose answer may still come. */
  readonly #waitsFor = new Set<Neighbour>();
  /** The number of answers that are being checked. */
  #answers = 0;
  /** `undefined` when all neighbours have it. */
  #letter: OutgoingLetter | undefined;
  /** Called when the first carriers have answered. Set while the other carriers wait for that. */
  #firstAnswered: (() => void) | undefined;
  #settle!: () => void;
  #isEnded = false;
  readonly #timer: RuntimeTimer;

  constructor({ hash, frame, budgetMs, runtime, departures, onAnswer }: ErrandOptions) {
    const ownBudgetMs = Math.max(budgetMs, minBudgetMs);
    this.hash = hash;
    this.#runtime = runtime;
    this.#endsAtMs = runtime.now() + ownBudgetMs;
    this.#departures = departures;
    this.#onAnswer = onAnswer;
    setBudget(frame, ownBudgetMs);
    shareBytes(frame);
    this.#letter = { hash, frame };
    this.#isLarge = frame.length > largeBytes;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#timer = runtime.setTimeout(() => this.end(), ownBudgetMs);
  }

  /** Whether this node no longer waits for answers. */
  get isOver(): boolean {
    return this.#isEnded || this.#runtime.now() >= this.#endsAtMs;
  }

  /**
   * Gives the letter to the first carriers. The others get it if no path leads on from the first ones, or if these have
   * not answered in a quarter of the time.
   *
   * @returns a promise that resolves when each carrier has the letter or cannot get it, or when the errand is over.
   */
  async giveTo({ first, others }: Carriers): Promise<void> {
    if (first.length === 0 || others.length === 0) await this.#giveToAll([...first, ...others]);
    else await this.#giveInTurn(first, others);
    this.#letter = undefined;
    this.#endIfAnswered();
  }

  /** Handles the answer of a neighbour. Only the first answer of each neighbour counts. */
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

  /** Called when a neighbour has left and so will not answer. */
  left(neighbour: Neighbour): void {
    if (this.#waitsFor.delete(neighbour)) this.#endIfAnswered();
  }

  end(): void {
    this.#isEnded = true;
    this.#timer.cancel();
    this.#settle();
  }

  #giveToAll(carriers: readonly Neighbour[]): Promise<unknown> {
    for (const neighbour of carriers) this.#waitsFor.add(neighbour);
    return Promise.all(carriers.map((neighbour) => this.#giveTo(neighbour)));
  }

  async #giveInTurn(first: readonly Neighbour[], others: readonly Neighbour[]): Promise<void> {
    const tried = Promise.withResolvers<void>();
    this.#firstAnswered = tried.resolve;
    const given = this.#giveToAll(first);
    const firstMs = (this.#endsAtMs - this.#runtime.now()) * firstShare;
    const timer = this.#runtime.setTimeout(tried.resolve, firstMs);
    await Promise.race([tried.promise, this.ended]);
    timer.cancel();
    this.#firstAnswered = undefined;
    if (this.isOver) return;
    this.#shortenBudget();
    await Promise.all([given, this.#giveToAll(others)]);
  }

  /**
   * Writes the time that is left into a copy of the frame, because the first carriers may still be sending the frame
   * itself.
   */
  #shortenBudget(): void {
    const frame = this.#letter!.frame.slice();
    setBudget(frame, Math.max(this.#endsAtMs - this.#runtime.now(), minBudgetMs));
    shareBytes(frame);
    this.#letter = { hash: this.hash, frame };
  }

  async #giveTo(neighbour: Neighbour): Promise<void> {
    const done = Promise.withResolvers<void>();
    try {
      if (this.#isLarge) await Promise.race([neighbour.roomForLarge(done.promise), this.ended]);
      else if (!neighbour.hasLink) await Promise.race([neighbour.linked(), this.ended]);
      if ((await Promise.race([this.#send(neighbour), this.ended])) !== false) return;
    } catch {
      // The connection has closed, its queue is full, or the neighbour did not respond.
    } finally {
      done.resolve();
    }
    this.left(neighbour);
  }

  /** Returns whether the neighbour accepts the letter; `undefined` if the errand is over. */
  #send(neighbour: Neighbour): Promise<boolean | undefined> {
    const send = (): Promise<boolean> | undefined =>
      this.isOver ? undefined : neighbour.relay(this.#letter!, this.#endsAtMs - this.#runtime.now());
    return this.#isLarge ? this.#departures.run(neighbour, send) : Promise.resolve(send());
  }

  #endIfAnswered(): void {
    if (this.#waitsFor.size > 0 || this.#answers > 0) return;
    if (this.#firstAnswered === undefined) this.end();
    else this.#firstAnswered();
  }
}
