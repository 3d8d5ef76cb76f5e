import type { Limits } from '../base/limits.ts';

/** How long the other side has been silent, and what to make of it. */
export class Liveness {
  readonly #limits: Pick<Limits, 'pingAfterMs' | 'deadAfterMs'>;
  #heardAt: number;
  #pingedAt = 0;
  #checkedAt: number;

  constructor(limits: Pick<Limits, 'pingAfterMs' | 'deadAfterMs'>, now: number) {
    this.#limits = limits;
    this.#heardAt = this.#checkedAt = now;
  }

  heard(now: number): void {
    this.#heardAt = now;
  }

  /** @returns what is due: nothing, a ping, or to give the other side up. */
  check(now: number, isListening: boolean): 'nothing' | 'ping' | 'end' {
    const { pingAfterMs, deadAfterMs } = this.#limits;
    // A check that comes late was slept through, by this process: that is not the other side's silence.
    this.#heardAt += Math.max(0, now - this.#checkedAt - pingAfterMs);
    this.#checkedAt = now;
    // While reading is paused nothing can be heard, but a ping still tells the other side that we live.
    if (!isListening) this.#heardAt = now - pingAfterMs;
    const silenceMs = now - this.#heardAt;
    if (silenceMs >= deadAfterMs) return 'end';
    if (silenceMs < pingAfterMs || now - this.#pingedAt < pingAfterMs) return 'nothing';
    this.#pingedAt = now;
    return 'ping';
  }
}
