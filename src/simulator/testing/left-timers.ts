import type { Runtime } from '../../base/runtime.ts';

/** A timer that has neither run nor been cancelled. */
export interface LeftTimer {
  /** When the timer is due, by its node's clock. */
  readonly at: number;
  /** Whether the timer only watches: the node sets it repeatedly for as long as it runs. */
  readonly isWatching: boolean;
  /** The line of code that set the timer, if the engine reveals it. */
  readonly place: string;
}

/** Records which timers of a node wait, and which code set them. */
export class LeftTimers {
  readonly #waiting = new Set<LeftTimer>();

  /** The waiting timers, in the order in which they were set. */
  get all(): readonly LeftTimer[] {
    return [...this.#waiting];
  }

  /** Returns the same runtime, but its timers are recorded here. */
  of(runtime: Runtime): Runtime {
    const setTimeout: Runtime['setTimeout'] = (callback, delayMs, purpose) => {
      // Formatting a stack is slow and most timers run or are cancelled, so it is done only for timers that are left.
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

/** The second frame of a stack in V8's format. */
function callerIn(stack = ''): string {
  const frames = stack.split('\n').filter((line) => /^\s*at /.test(line));
  return frames[1]?.trim().replace(/^at /, '') ?? '';
}
