import { checkType, hasMethods, messageOf, shown } from './arguments.ts';
import { type Runtime, type RuntimeTimer, systemRuntime } from './runtime.ts';

type Method = Exclude<keyof Runtime, 'isVirtual'>;

const methods = [
  'now',
  'wallNow',
  'setTimeout',
  'random',
  'randomBytes',
] as const satisfies readonly Method[];

/**
 * Checks a runtime without drawing random numbers, because a seeded runtime counts them.
 *
 * @throws TypeError with the method and what it did.
 */
export function checkRuntime(given: Runtime): Runtime {
  if (!hasMethods(given, methods)) {
    const example = `a Runtime such as systemRuntime, with ${methods.join(', ')}`;
    throw new TypeError(`runtime must be ${example}, not ${shown(given)}`);
  }
  if (given.isVirtual !== undefined) checkType('runtime.isVirtual', given.isVirtual, 'boolean');
  if (given.secretBytes !== undefined) checkSecretBytes(given);
  if (given.openDatabase !== undefined) checkOpenDatabase(given);
  if (trustedRuntime in given) return given;
  const checked = checkedRuntime(given, (error) => {
    throw error;
  });
  checked.now();
  checked.wallNow();
  checked.setTimeout(() => {}, 0).cancel();
  return given;
}

/** Refuses a runtime in real time with seeded keys: the node's keys would not be secret. */
function checkSecretBytes({ isVirtual, secretBytes }: Runtime): void {
  checkType('runtime.secretBytes', secretBytes, 'function');
  if (isVirtual === true) return;
  throw new TypeError(
    'runtime.secretBytes is for simulations, with isVirtual: true. Leave it out: keys then come from the system',
  );
}

function checkOpenDatabase({ isVirtual, openDatabase }: Runtime): void {
  checkType('runtime.openDatabase', openDatabase, 'function');
  if (isVirtual !== true)
    throw new TypeError('runtime.openDatabase is for simulations, with isVirtual: true');
}

/**
 * A runtime that cannot break the node that uses it. A node asks for the time inside callbacks of sockets and timers,
 * where an exception would end the process, and a time of NaN would make it wait forever. If a method of the given
 * runtime throws or returns something that it must not, the system's time and randomness stand in for that call.
 *
 * @param report receives the first failure of each method.
 */
export function checkedRuntime(given: Runtime, report: (error: TypeError) => void): Runtime {
  return given === systemRuntime || trustedRuntime in given ? given : new CheckedRuntime(given, report);
}

/** Marks the package's own runtimes, which need no checks. In simulations, the checks would cost time. */
export const trustedRuntime: unique symbol = Symbol('a runtime that needs no checks');

class CheckedRuntime implements Runtime {
  readonly isVirtual: boolean;
  /** Present only if the given runtime has it. */
  readonly secretBytes?: (length: number, purpose?: string) => Uint8Array;
  /** The same. */
  readonly openDatabase?: (path: string) => unknown;
  readonly #given: Runtime;
  readonly #report: (error: TypeError) => void;
  readonly #reported = new Set<Method>();
  /** The latest time that `now` returned. */
  #lastMs = Number.NEGATIVE_INFINITY;
  /** The system's time when the given clock failed; undefined while it works. */
  #failedAtMs: number | undefined;

  constructor(given: Runtime, report: (error: TypeError) => void) {
    this.isVirtual = given.isVirtual === true;
    this.#given = given;
    this.#report = report;
    if (this.isVirtual && given.secretBytes !== undefined) this.secretBytes = this.#secretBytes;
    if (this.isVirtual && given.openDatabase !== undefined) this.openDatabase = this.#openDatabase;
  }

  #secretBytes(length: number, purpose?: string): Uint8Array {
    const draw = (): Uint8Array | undefined => this.#given.secretBytes?.(length, purpose);
    const given = this.#call('secretBytes', draw, bytesProblem(length));
    return given ?? crypto.getRandomValues(new Uint8Array(length));
  }

  #openDatabase(path: string): unknown {
    return this.#given.openDatabase?.(path);
  }

  now(): number {
    // A simulation asks for the time with each message.
    let ms = Number.NaN;
    try {
      ms = this.#given.now();
    } catch (error) {
      return this.#checkedNow(() => {
        throw error;
      });
    }
    if (!Number.isFinite(ms) || ms < this.#lastMs) return this.#checkedNow(() => ms);
    this.#failedAtMs = undefined;
    this.#lastMs = ms;
    return ms;
  }

  #checkedNow(read: () => number): number {
    const ms = this.#call('now', read, clockProblem(this.#lastMs));
    this.#lastMs = ms ?? this.#timeWithoutClock();
    return this.#lastMs;
  }

  wallNow(): number {
    return this.#call('wallNow', () => this.#given.wallNow(), wallClockProblem) ?? systemRuntime.wallNow();
  }

  /** The system's time, because with a stopped clock nothing would time out. */
  #timeWithoutClock(): number {
    const systemMs = systemRuntime.now();
    const sinceLastMs = systemMs - (this.#failedAtMs ?? systemMs);
    this.#failedAtMs = systemMs;
    return Number.isFinite(this.#lastMs) ? this.#lastMs + sinceLastMs : systemMs;
  }

  setTimeout(callback: () => void, delayMs: number, purpose?: 'watching'): RuntimeTimer {
    let isDone = false;
    let isReturned = false;
    let isEarly = false;
    const run = (): void => {
      if (!isReturned) isEarly = true;
      if (isDone || !isReturned) return;
      isDone = true;
      callback();
    };
    const timer =
      this.#call(
        'setTimeout',
        () => this.#given.setTimeout(run, delayMs, purpose),
        (given) => (isEarly ? 'must not call back before it returns' : timerProblem(given)),
      ) ?? systemRuntime.setTimeout(run, delayMs);
    isReturned = true;
    const cancel = (): void => {
      if (isDone) return;
      isDone = true;
      this.#call('setTimeout', () => timer.cancel(), noProblem);
    };
    return { cancel };
  }

  random(purpose?: string): number {
    return this.#call('random', () => this.#given.random(purpose), randomProblem) ?? systemRuntime.random();
  }

  randomBytes(length: number, purpose?: string): Uint8Array {
    const draw = (): Uint8Array => this.#given.randomBytes(length, purpose);
    const given = this.#call('randomBytes', draw, bytesProblem(length));
    return given ?? systemRuntime.randomBytes(length);
  }

  /** @returns what the method returned. `undefined` if it failed. */
  #call<Result>(
    method: Method,
    call: () => Result,
    problemOf: (result: Result) => string | undefined,
  ): Result | undefined {
    let failure: [problem: string, options?: ErrorOptions];
    try {
      const result = call();
      const problem = problemOf(result);
      if (problem === undefined) return result;
      failure = [problem];
    } catch (thrown) {
      failure = [`threw: ${messageOf(thrown)}`, { cause: thrown }];
    }
    this.#failed(method, ...failure);
    return undefined;
  }

  #failed(method: Method, problem: string, options?: ErrorOptions): void {
    if (this.#reported.has(method)) return;
    this.#reported.add(method);
    this.#report(new TypeError(`runtime.${method} ${problem}`, options));
  }
}

/** A check of a time. `lastMs` is the latest time before it. */
function clockProblem(lastMs: number): (ms: unknown) => string | undefined {
  return (ms) => {
    if (!Number.isFinite(ms)) return `must return a finite number, not ${shown(ms)}`;
    return (ms as number) < lastMs ? `must never go back; it returned ${ms} after ${lastMs}` : undefined;
  };
}

/** The earliest and latest time that a `Date` can hold. */
const maxWallClockMs = 8.64e15;

function wallClockProblem(ms: unknown): string | undefined {
  const isTime = Number.isFinite(ms) && Math.abs(ms as number) <= maxWallClockMs;
  return isTime ? undefined : `must return milliseconds since 1970, not ${shown(ms)}`;
}

function timerProblem(timer: RuntimeTimer): string | undefined {
  return typeof timer?.cancel === 'function'
    ? undefined
    : `must return a timer with cancel, not ${shown(timer)}`;
}

function randomProblem(value: number): string | undefined {
  if (typeof value === 'number' && value >= 0 && value < 1) return undefined;
  return `must return a number of at least 0 and below 1, not ${shown(value)}`;
}

function bytesProblem(length: number): (bytes: Uint8Array | undefined) => string | undefined {
  return (bytes) => {
    // A Uint8Array of any realm.
    const isBytes = Object.prototype.toString.call(bytes) === '[object Uint8Array]';
    if (!isBytes) return `must return a Uint8Array, not ${shown(bytes)}`;
    return bytes!.length === length ? undefined : `must return ${length} bytes, not ${bytes!.length}`;
  };
}

const noProblem = (): undefined => undefined;
