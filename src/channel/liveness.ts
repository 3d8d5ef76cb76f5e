import type { Limits } from '../base/limits.ts';

/** The number of the pings that a channel sends by itself: calls of `ping` have other numbers. */
export const livenessPingId = 0;

/** Watches how long the other side has been silent: pings it, and ends a connection that does not answer. */
export class Liveness {
  readonly #limits: Pick<Limits, 'pingAfterMs' | 'deadAfterMs'>;
  /** As measured last. */
  roundTripMs: number | undefined;
  #heardAt: number;
  #pingedAt = Number.NEGATIVE_INFINITY;
  #isAwaitingPong = false;

  constructor(limits: Pick<Limits, 'pingAfterMs' | 'deadAfterMs'>, now: number) {
    this.#limits = limits;
    this.#heardAt = now;
  }

  /** When the next check is due: nothing is to be done before. */
  get dueAt(): number {
    const { pingAfterMs, deadAfterMs } = this.#limits;
    return Math.min(Math.max(this.#heardAt, this.#pingedAt) + pingAfterMs, this.#heardAt + deadAfterMs);
  }

  heard(now: number): void {
    this.#heardAt = now;
  }

  /** The answer to a ping of {@link Liveness.check} has just been heard. */
  onPong(): void {
    if (!this.#isAwaitingPong) return;
    this.#isAwaitingPong = false;
    this.roundTripMs = this.#heardAt - this.#pingedAt;
  }

  /** @returns for how long nothing was heard. */
  silenceMs(now: number): number {
    return now - this.#heardAt;
  }

  /** Whether to ping a peer that is to answer sooner than others. */
  isPingDue(now: number, afterMs: number): boolean {
    const isDue = now - Math.max(this.#heardAt, this.#pingedAt) >= afterMs;
    if (isDue) {
      this.#pingedAt = now;
      this.#isAwaitingPong = true;
    }
    return isDue;
  }

  /** @returns what is due: nothing, a ping, or to give the other side up. */
  check(now: number, isListening: boolean): 'nothing' | 'ping' | 'end' {
    const { pingAfterMs } = this.#limits;
    // This process slept through a check that comes late: that is not the other side's silence.
    const sleptMs = Math.max(0, now - this.dueAt - pingAfterMs / 4);
    this.#heardAt += sleptMs;
    // While reading is paused nothing can be heard, but a ping still tells the other side that we live.
    if (!isListening) this.#heardAt = now - pingAfterMs;
    const due = this.#dueNow(now);
    if (due === 'ping') {
      this.#pingedAt = now;
      this.#isAwaitingPong = true;
    }
    return due;
  }

  #dueNow(now: number): 'nothing' | 'ping' | 'end' {
    const { pingAfterMs, deadAfterMs } = this.#limits;
    const silenceMs = now - this.#heardAt;
    if (silenceMs >= deadAfterMs) return 'end';
    return silenceMs < pingAfterMs || now - this.#pingedAt < pingAfterMs ? 'nothing' : 'ping';
  }
}
