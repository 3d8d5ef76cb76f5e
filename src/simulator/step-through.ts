import { inNextTurn } from '../base/next-turn.ts';

/** Steps in one iteration of Node.js's event loop. In between it polls for I/O, which costs more than a step. */
const maxStepsAtOnce = 256;

/** Hooks around the steps, and around nothing else that the process does. */
export interface Surroundings {
  /** Called before some steps in a row. */
  enter(): void;
  /** Called after these steps and all work that they left. */
  leave(): void;
}

/**
 * Calls `step` again and again until it returns false. Before each call, all work is done that needs no time: promises,
 * microtasks, and what follows from them.
 *
 * @returns rejects with what `step` throws.
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
   * Node.js does all work that a callback of `setImmediate` left before it runs the next one, and runs all that there
   * are in one iteration. Others take one turn of the event loop for each step.
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
    // Not earlier: code that waits for the outcome is not part of the steps.
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

/** Read before a {@link Guard} replaces it, because the guard would check each step. */
const schedule: (callback: () => void) => unknown = globalThis.setImmediate ?? inNextTurn;

const { versions } = globalThis.process ?? {};
/** Deno and Bun have the module `process` as well. */
const isNode = versions?.node !== undefined && !('deno' in versions) && !('bun' in versions);
