import { inNextTurn } from '../base/next-turn.ts';

/**
 * The most steps in one iteration of Node.js's event loop. Each iteration polls for I/O, which costs more than a step.
 */
const maxStepsAtOnce = 256;

/** Hooks that are called around steps, but not around other work of the process. */
export interface Surroundings {
  /** Called before a series of steps. */
  enter(): void;
  /** Called after these steps and all promises and microtasks that they left. */
  leave(): void;
}

/**
 * Calls `step` repeatedly until it returns false. Before each call, all work that needs no time is done: promises,
 * microtasks, and everything that follows from them.
 *
 * @returns a promise that rejects if `step` throws.
 */
export function stepThrough(step: () => boolean, surroundings?: Surroundings): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stepper = new Stepper(step, surroundings, { resolve, reject });
  stepper.begin();
  return promise;
}

interface Outcome {
  resolve(): void;
  reject(error: unknown): void;
}

class Stepper {
  readonly #step: () => boolean;
  readonly #surroundings: Surroundings | undefined;
  readonly #outcome: Outcome;
  #goesOn = true;
  #failure: { readonly error: unknown } | undefined;
  #steps = 1;

  constructor(step: () => boolean, surroundings: Surroundings | undefined, outcome: Outcome) {
    this.#step = step;
    this.#surroundings = surroundings;
    this.#outcome = outcome;
  }

  /**
   * Schedules the next steps. Node.js runs all waiting `setImmediate` callbacks in one iteration, and finishes the
   * microtasks of each before the next. Other runtimes need one turn of the event loop for each step.
   */
  begin(): void {
    schedule(this.#enter);
    for (let count = 0; count < this.#steps; count++) schedule(this.#take);
    schedule(this.#leave);
  }

  readonly #enter = (): void => {
    this.#surroundings?.enter();
  };

  readonly #take = (): void => {
    if (!this.#goesOn) return;
    try {
      this.#goesOn = this.#step();
    } catch (error) {
      this.#goesOn = false;
      this.#failure = { error };
    }
  };

  readonly #leave = (): void => {
    this.#surroundings?.leave();
    // The outcome is settled last, because code that waits for it is not part of the steps.
    if (this.#failure !== undefined) {
      this.#outcome.reject(this.#failure.error);
      return;
    }
    if (!this.#goesOn) {
      this.#outcome.resolve();
      return;
    }
    if (isNode) this.#steps = Math.min(2 * this.#steps, maxStepsAtOnce);
    this.begin();
  };
}

/** Read before a {@link Guard} replaces the global, because the guard would check each step. */
const schedule: (callback: () => void) => unknown = globalThis.setImmediate ?? inNextTurn;

const { versions } = globalThis.process ?? {};
/** Deno and Bun have the module `process` as well. */
const isNode = versions?.node !== undefined && !('deno' in versions) && !('bun' in versions);
