import type { Runtime } from '../../base/runtime.ts';

/** A timer that has neither run nor been cancelled. */
export interface LeftTimer {
  /** When it is due, by the clock of its node. */
  readonly at: number;
  /** Whether the node would set it again and again for as long as it runs. */
  readonly isWatching: boolean;
  /** The line of code that set it, where the engine tells. */
  readonly place: string;
}

/** Remembers which timers of a node wait, and which code set them. */
export class LeftTimers {
  readonly #waiting = new Set<LeftTimer>();

  /** The timers that wait, in the order in which they were set. */
  get all(): readonly LeftTimer[] {
    return [...this.#waiting];
  }

  /** The same runtime, whose timers are remembered here. */
  of(runtime: Runtime): Runtime {
    const setTimeout: Runtime['setTimeout'] = (callback, delayMs, purpose) => {
      // Most timers are cancelled or run, so only those that are left get the text of the stack.
      const trace = new Error();
      const timer = {
        at: runtime.now() + delayMs,
        isWatching: purpose === 'watching',
        get place() {
          return callerIn(trace.stack);
        },
      };
      const given = runtime.setTimeout(
        () => {
          this.#waiting.delete(timer);
          callback();
        },
        delayMs,
        purpose,
      );
      this.#waiting.add(timer);
      return {
        cancel: () => {
          this.#waiting.delete(timer);
          given.cancel();
        },
      };
    };
    return {
      ...{ isVirtual: true, setTimeout },
      now: () => runtime.now(),
      wallNow: () => runtime.wallNow(),
      random: (purpose) => runtime.random(purpose),
      randomBytes: (length, purpose) => runtime.randomBytes(length, purpose),
      secretBytes: (length, purpose) => runtime.secretBytes!(length, purpose),
    };
  }
}

/** The second frame of a stack, in the form of V8. */
function callerIn(stack = ''): string {
  const frames = stack.split('\n').filter((line) => /^\s*at /.test(line));
  return frames[1]?.trim().replace(/^at /, '') ?? '';
}
