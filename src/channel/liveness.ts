import type { Limits } from '../base/limits.ts';

/** The number of the pings that a channel sends by itself: calls of `ping` have other numbers. */
export const livenessPingId = 0;

/** Watches how long the other side has been silent: pings it, and ends a connection that does not answer. */
export class Liveness {
  readonly #limits: Pick<Limits, 'pingAfterMs' | 'deadAfterMs'>;
  /** The last measured round trip. */
  roundTripMs: number | undefined;
  #heardAt: number;
  #pingedAt = Number.NEGATIVE_INFINITY;
  #isAwaitingPong = false;

  constructor(limits: Pick<Limits, 'pingAfterMs' | 'deadAfterMs'>, now: number) {
    this.#limits = limits;
    this.#heardAt = now;
  }

  /** When the next check is due. */
  get dueAt(): number {
    const { pingAfterMs, deadAfterMs } = this.#limits;
    return Math.min(Math.max(this.#heardAt, this.#pingedAt) + pingAfterMs, this.#heardAt + deadAfterMs);
  }

  heard(now: number): void {
    this.#heardAt = now;
  }

  /** The answer to a ping of {@link Liveness.check} has just arrived. */
  onPong(): void {
    if (!this.#isAwaitingPong) return;
    this.#isAwaitingPong = false;
    this.roundTripMs = this.#heardAt - this.#pingedAt;
  }

  /** @returns the milliseconds since something arrived. */
  silenceMs(now: number): number {
    return now - this.#heardAt;
  }

  /** Whether a ping is due, for a peer that has to answer sooner than others. */
  isPingDue(now: number, afterMs: number): boolean {
    const isDue = now - Math.max(this.#heardAt, this.#pingedAt) >= afterMs;
    if (isDue) {
      this.#pingedAt = now;
      this.#isAwaitingPong = true;
    }
    return isDue;
  }

  /** @returns the action that is due. `'end'`: the other side is dead. */
  check(now: number, isListening: boolean): 'nothing' | 'ping' | 'end' {
    const { pingAfterMs } = this.#limits;
    // If the check is late, this process was asleep. That time does not count as silence of the other side.
    const sleptMs = Math.max(0, now - this.dueAt - pingAfterMs / 4);
    this.#heardAt += sleptMs;
    // While reading is paused, no answer can arrive. The ping still shows the other side that this one is alive.
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
