import { checkOptions } from '../base/arguments.ts';
import { PeerloomError } from '../base/errors.ts';
import { type Duration, millisecondsIn } from './duration.ts';
import type { Guard } from './guard/guard.ts';
import type { RunUntil } from './simulation-options.ts';
import type { VirtualRuntime } from './virtual-runtime.ts';
import type { Watch } from './watch/watch.ts';

export const dayMs = 24 * 3_600_000;

export interface DrivenWorld {
  readonly runtime: VirtualRuntime;
  readonly watch: Watch;
  /** `undefined` if the world has no guard. */
  readonly guard: Guard | undefined;
}

/** Advances the virtual time of a world, and stops at the first failure. */
export class TimeDriver {
  readonly #runtime: VirtualRuntime;
  readonly #watch: Watch;
  readonly #guard: Guard | undefined;
  /** The first error of a node that could not start or stop. */
  #nodeFailure: { readonly error: unknown } | undefined;

  constructor({ runtime, watch, guard }: DrivenWorld) {
    this.#runtime = runtime;
    this.#watch = watch;
    this.#guard = guard;
  }

  /** Makes the run fail if this start or stop of a node rejects. */
  expect(done: Promise<void>): void {
    done.catch((error: unknown) => {
      this.#nodeFailure ??= { error };
    });
  }

  /** @see Simulation.run */
  async run(span: Duration | RunUntil): Promise<void> {
    if (!isUntil(span)) {
      const endMs = this.#runtime.now() + millisecondsIn(span);
      await this.#runUntil(endMs, () => false);
      this.#runtime.compute(Math.max(0, endMs - this.#runtime.now()));
      return;
    }
    checkOptions(span, ['until', 'within']);
    await this.until(span.until, span.within ?? dayMs, 'what `until` asks has not come about');
  }

  /** @see Simulation.settle */
  async settle<Value>(promise: Promise<Value>, within: Duration): Promise<Value> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    await this.until(() => isSettled, within, 'the promise does not settle');
    return promise;
  }

  /**
   * Advances time until a condition holds.
   *
   * @param unmet a text that describes the state while the condition does not hold. The error message starts with it.
   * @throws PeerloomError `ERR_TIMEOUT` if the condition does not hold within that time.
   */
  async until(condition: () => boolean, within: Duration, unmet: string): Promise<void> {
    const withinMs = millisecondsIn(within, 'within');
    if (await this.#runUntil(this.#runtime.now() + withinMs, condition)) return;
    const why =
      this.#runtime.pending.length === 0
        ? 'nothing is left that could still happen'
        : `it takes more than ${withinMs} ms of virtual time`;
    throw new PeerloomError('ERR_TIMEOUT', `${unmet}: ${why}`);
  }

  /** @returns whether the run ended because `isDone` returned true. */
  async #runUntil(endMs: number, isDone: () => boolean): Promise<boolean> {
    let done = false;
    const mayGoOn = (): boolean => {
      if (this.#nodeFailure !== undefined) throw this.#nodeFailure.error;
      this.#watch.check();
      done = isDone();
      return !done;
    };
    const surroundings = this.#guard;
    const run = (): Promise<void> => this.#runtime.runUntil(endMs, { mayGoOn, surroundings });
    await (surroundings === undefined ? run() : surroundings.around(run));
    this.#watch.checkAll();
    return done;
  }
}

function isUntil(span: Duration | RunUntil): span is RunUntil {
  return typeof span === 'object' && span !== null && 'until' in span;
}
