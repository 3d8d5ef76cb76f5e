import type { VirtualRuntime } from '../virtual-runtime.ts';

/** The clocks of a machine. They may run too fast or too slowly, and the wall clock may jump. */
export class MachineClock {
  readonly #world: VirtualRuntime;
  /** Whether the clock has always shown the time of the world. */
  #isTrue = true;
  /** The speed of this clock relative to the world's. At 1.01 it gains 600 ms a minute. */
  #rate = 1;
  /** The time of the last change of the rate, by the world's clock and by this clock. */
  #changedAt = { worldMs: 0, ownMs: 0 };
  /** The sum of all jumps of the wall clock. */
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

  /** Converts a delay of this clock to milliseconds of the world. */
  worldMs(delayMs: number): number {
    return delayMs / this.#rate;
  }

  /** Changes the rate from now on. Timers that are already waiting keep their due time. */
  drift(rate: number): void {
    this.#changedAt = { worldMs: this.#world.now(), ownMs: this.now() };
    this.#rate = rate;
    this.#isTrue = false;
  }

  /** Moves the wall clock. The clock for timers never jumps. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }
}
