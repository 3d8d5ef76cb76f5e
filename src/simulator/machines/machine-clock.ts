import type { VirtualRuntime } from '../virtual-runtime.ts';

/** The clocks of a machine, which may go wrong: fast, slow, or to another time of day. */
export class MachineClock {
  readonly #world: VirtualRuntime;
  /** It has always shown the time of the world. */
  #isTrue = true;
  /** How much faster than the world's it runs: 1.01 gains 600 ms a minute. */
  #rate = 1;
  /** When the rate changed last, by the world's clock and by this one. */
  #changedAt = { worldMs: 0, ownMs: 0 };
  /** How far the wall clock was moved. */
  #wallOffsetMs = 0;

  constructor(world: VirtualRuntime) {
    this.#world = world;
  }

  now(): number {
    if (this.#isTrue) return this.#world.now();
    const { worldMs, ownMs } = this.#changedAt;
    return ownMs + (this.#world.now() - worldMs) * this.#rate;
  }

  wallNow(): number {
    return this.#world.wallStartMs + this.now() + this.#wallOffsetMs;
  }

  /** How long a delay of this clock takes in the world. */
  worldMs(delayMs: number): number {
    return delayMs / this.#rate;
  }

  /** Applies from now on. Timers that wait already keep their moment. */
  drift(rate: number): void {
    this.#changedAt = { worldMs: this.#world.now(), ownMs: this.now() };
    this.#rate = rate;
    this.#isTrue = false;
  }

  /** Moves the wall clock. The clock of timers never jumps. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
}
