import { type Suite, setContext, type Test, TestContext } from './harness.ts';

export interface Outcome {
  readonly test: Test;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly ms: number;
  readonly reason?: string;
}

export interface Course {
  /** @returns how long a test may take, in milliseconds. */
  readonly limitMs: (test: Test) => number;
  /** A test, its hooks included, begins. */
  readonly begins: (test: Test) => void;
  /** A test has ended; returns whether others are to follow. */
  readonly ended: (outcome: Outcome) => boolean;
}

/** After a test that failed, what it opened gets this long to close. */
const teardownMs = 1_000;
/** A test fails when this long nothing is left that could ever call back. */
const idleMs = 1_200;
const looks = 3;

let fail: ((error: unknown) => void) | undefined;
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.removeAllListeners(event);
  process.on(event, (error) => fail?.(error));
}

/** Runs tests of one file, one after the other, with the hooks of their suites around them. */
export async function runTests(tests: readonly Test[], course: Course): Promise<void> {
  let open: Suite[] = [];
  for (const [index, test] of tests.entries()) {
    const next = tests[index + 1];
    course.begins(test);
    const beganAt = performance.now();
    const ms = () => performance.now() - beganAt;
    let reason: string | undefined;
    let skipped = test.skipped;
    if (!skipped) {
      const chain = chainOf(test.suite);
      const entered = chain.filter((suite) => !open.includes(suite));
      const stays = next === undefined ? [] : chainOf(next.suite);
      const left = chain.filter((suite) => !stays.includes(suite)).reverse();
      open = chain.filter((suite) => stays.includes(suite));
      const context = new TestContext(test.name);
      const run = hooksOf(entered, 'before');
      run.push(...hooksOf(chain, 'beforeEach'), test.run);
      reason = await guarded(() => inTurn(run, context), course.limitMs(test));
      const after = [...hooksOf(chain.toReversed(), 'afterEach'), () => inTurn(context.teardown, context)];
      const limitMs = reason === undefined ? course.limitMs(test) : teardownMs;
      setContext(undefined);
      reason ??= await guarded(() => inTurn([...after, ...hooksOf(left, 'after')], context), limitMs);
      if (reason !== undefined) await guarded(() => despiteErrors(context.teardown, context), teardownMs);
      setContext(undefined);
      context.end();
      skipped = context.skipped;
    }
    const status = reason !== undefined ? 'failed' : skipped ? 'skipped' : 'passed';
    const outcome = { test, status, ms: ms(), ...(reason === undefined ? {} : { reason }) } as const;
    if (!course.ended(outcome)) {
      await guarded(
        () => despiteErrors(hooksOf(open.toReversed(), 'after'), new TestContext('')),
        teardownMs,
      );
      return;
    }
  }
}

type Run = Test['run'];

async function inTurn(run: readonly Run[], context: TestContext): Promise<void> {
  setContext(context);
  // The list may grow while it is under way.
  for (let index = 0; index < run.length; index++) await run[index]!(context);
}

async function despiteErrors(run: readonly Run[], context: TestContext): Promise<void> {
  for (const hook of run) {
    try {
      await hook(context);
    } catch {}
  }
}

/** @returns why it failed; undefined if it did not. */
async function guarded(run: () => Promise<void>, limitMs: number): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let failure: { readonly error: unknown } | undefined;
  fail = (error) => {
    failure ??= { error };
    reject(error);
  };
  const late = setTimeout(() => fail?.(new Error(`it took longer than ${limitMs} ms`)), limitMs).unref();
  const watch = setInterval(idleWatch(), idleMs / looks).unref();
  try {
    run().then(resolve, reject);
    await promise;
    // An error that it leaves unhandled arrives a moment later.
    await new Promise(setImmediate);
    if (failure !== undefined) throw failure.error;
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 300) : String(error);
  } finally {
    fail = undefined;
    clearTimeout(late);
    clearInterval(watch);
  }
}

/** @returns a function that fails the test when it finds, several times in a row, nothing that could call back. */
function idleWatch(): () => void {
  let idle = 0;
  let before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    idle = leftOpen() > 0 || user + system > 30_000 ? 0 : idle + 1;
    if (idle === looks) fail?.(new Error('nothing is left that it could wait for'));
  };
}

/** @returns how many sockets, timers and the like keep the process from ending, without its channel to the parent. */
export function leftOpen(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind !== 'PipeWrap').length;
}

function hooksOf(suites: readonly Suite[], kind: keyof Suite['hooks']): Run[] {
  return suites.flatMap(({ hooks }) => hooks[kind]);
}

/** @returns the suite and those around it, the outermost first. */
function chainOf(suite: Suite): Suite[] {
  return suite.parent === undefined ? [suite] : [...chainOf(suite.parent), suite];
}
