// The process that runs tests on mutants. It loads test files as they are needed, keeps them, and answers its parent
// (warm-runner.js): first which mutants each test runs, then whether tests notice a mutant.
import { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { collect, type Test } from './harness.ts';
import { leftOpen, runTests } from './run-tests.ts';

const countsMutants = `--import=${new URL('child-coverage.js', import.meta.url).href}`;
type Counts = Record<string, number>;
interface SpawnOptions {
  readonly envPairs: readonly string[];
}
interface Instrumented {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage: { readonly static: Counts; readonly perTest: Record<string, Counts> };
}

type Request =
  | { readonly kind: 'learn'; readonly file: string }
  | {
      readonly kind: 'try';
      readonly file: string;
      readonly mutant: string | undefined;
      readonly hitLimit: number | undefined;
      /** Also while the file, and what it imports, loads. */
      readonly fromLoading: boolean;
      /** Of the tests of the file; undefined for all. */
      readonly names: readonly string[] | undefined;
      readonly limitsMs: Readonly<Record<string, number>>;
    };

const learningLimitMs = 120_000;
const defaultLimitMs = 30_000;

const own = new URL('harness.ts', import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'node:test' && !context.parentURL?.includes('/mutants/warm/')
      ? { url: own, shortCircuit: true }
      : next(specifier, context),
});

// Tests may choose the environment of the processes that they start.
const { prototype } = ChildProcess as unknown as {
  prototype: { spawn(options: SpawnOptions): unknown; kill(...args: unknown[]): boolean };
};
const spawn = prototype.spawn;
prototype.spawn = function (options) {
  const pairs = options.envPairs.filter(
    (pair) => !/^(PEERLOOM_COVERAGE|__STRYKER_ACTIVE_MUTANT__)=/.test(pair),
  );
  for (const name of ['PEERLOOM_COVERAGE', '__STRYKER_ACTIVE_MUTANT__']) {
    if (process.env[name] !== undefined) pairs.push(`${name}=${process.env[name]}`);
  }
  if (process.env.PEERLOOM_COVERAGE !== undefined) {
    const at = pairs.findIndex((pair) => pair.startsWith('NODE_OPTIONS='));
    if (at === -1) pairs.push(`NODE_OPTIONS=${countsMutants}`);
    else pairs[at] += ` ${countsMutants}`;
  }
  return spawn.call(this, { ...options, envPairs: pairs });
};

const kill = prototype.kill;
prototype.kill = function (...args) {
  // Until it has written down what it ran.
  if (process.env.PEERLOOM_COVERAGE !== undefined)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
  return kill.apply(this, args);
};

const instrumented: Instrumented = { mutantCoverage: { static: {}, perTest: {} } };
Object.assign(globalThis, { __stryker__: instrumented });
const loaded = new Map<string, Promise<Test[]>>();
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
process.on('message', (request: Request) => {
  const answered = request.kind === 'learn' ? learn(request.file) : attempt(request);
  answered.then(
    (answer) => process.send!({ kind: 'answer', ...answer }),
    (error) => process.send!({ kind: 'answer', error: String(error?.stack ?? error) }),
  );
});
process.send!({ kind: 'ready' });

function load(file: string): Promise<Test[]> {
  let tests = loaded.get(file);
  if (tests === undefined) {
    tests = collect(() => import(pathToFileURL(resolve(file)).href));
    loaded.set(file, tests);
  }
  return tests;
}

/** Runs the tests of a file without a mutant, and reports how long each takes and which mutants it runs. */
async function learn(file: string): Promise<object> {
  const children = mkdtempSync(join(tmpdir(), 'coverage-'));
  process.env.PEERLOOM_COVERAGE = children;
  const outcomes: object[] = [];
  const coverage: Record<string, Counts> = {};
  try {
    const tests = await load(file);
    await runTests(tests, {
      limitMs: () => learningLimitMs,
      begins: ({ name }) => {
        process.send!({ kind: 'begins', name, limitMs: learningLimitMs });
        mkdirSync(join(children, String(outcomes.length)));
        process.env.PEERLOOM_COVERAGE = join(children, String(outcomes.length));
        instrumented.currentTestId = name;
      },
      ended: ({ test: { name }, status, ms, reason }) => {
        const counts = instrumented.mutantCoverage.perTest[name] ?? {};
        coverage[name] = counts;
        delete instrumented.mutantCoverage.perTest[name];
        addCountsOf(join(children, String(outcomes.length)), counts);
        outcomes.push({ name, status, ms, reason });
        return true;
      },
    });
  } finally {
    instrumented.currentTestId = undefined;
    delete process.env.PEERLOOM_COVERAGE;
    rmSync(children, { recursive: true, force: true });
  }
  const whileLoading = { ...instrumented.mutantCoverage.static };
  for (const id of Object.keys(whileLoading)) delete instrumented.mutantCoverage.static[id];
  return { outcomes, coverage, whileLoading };
}

/** Adds what the processes that a test started have counted. */
function addCountsOf(folder: string, counts: Counts): void {
  for (const file of readdirSync(folder)) {
    try {
      const added = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Counts;
      for (const [id, count] of Object.entries(added)) counts[id] = (counts[id] ?? 0) + count;
    } catch {}
  }
}

/** Runs tests of a file on a mutant until one fails, and then that one without the mutant. */
async function attempt(request: Request & { readonly kind: 'try' }): Promise<object> {
  const { file, names, mutant, hitLimit, fromLoading, limitsMs } = request;
  if (fromLoading) activate(mutant, hitLimit);
  let tests: Test[];
  try {
    tests = await load(file);
  } catch (error) {
    return { noticedBy: file, reason: String(error), runs: 1, suspect: false, leftOpen: 1 };
  }
  if (names !== undefined) tests = tests.filter(({ name }) => names.includes(name));
  activate(mutant, hitLimit);
  let runs = 0;
  const run = async (some: readonly Test[]) => {
    let found: { readonly test: Test; readonly reason: string | undefined } | undefined;
    await runTests(some, {
      limitMs: ({ name }) => limitsMs[name] ?? defaultLimitMs,
      begins: ({ name }) => {
        process.send!({ kind: 'begins', name, limitMs: limitsMs[name] ?? defaultLimitMs });
        instrumented.currentTestId = name;
      },
      ended: ({ test, status, reason }) => {
        runs++;
        if (status === 'failed') found = { test, reason };
        return found === undefined;
      },
    });
    return found;
  };
  const found = await run(tests);
  const reachedLimit = hitLimit !== undefined && (instrumented.hitCount ?? 0) > hitLimit;
  activate(undefined, undefined);
  if (found === undefined) return { runs };
  for (let wait = 0; wait < 10 && leftOpen() > 0; wait++) await new Promise((then) => setTimeout(then, 20));
  const left = leftOpen();
  process.send!({ kind: 'checks' });
  // The mutant stays in effect in what has loaded with it.
  const suspect = fromLoading
    ? /longer than/.test(found.reason ?? '')
    : (await run([found.test])) !== undefined;
  const { test, reason } = found;
  return { noticedBy: test.name, reason, reachedLimit, suspect, leftOpen: left, runs };
}

function activate(mutant: string | undefined, hitLimit: number | undefined): void {
  instrumented.activeMutant = mutant;
  instrumented.hitLimit = hitLimit;
  instrumented.hitCount = hitLimit === undefined ? undefined : 0;
  // For processes and threads that a test starts.
  if (mutant === undefined) delete process.env.__STRYKER_ACTIVE_MUTANT__;
  else process.env.__STRYKER_ACTIVE_MUTANT__ = mutant;
}
