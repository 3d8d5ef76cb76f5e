// Stands in for `node:test` inside the process that runs the tests of mutants (process.ts). It keeps the tests that the
// files declare, so that a single test can run again and again, with other mutants, in a process that has loaded
// everything. It knows what the tests of this project use: suites, hooks, `t.after`, `t.mock`, `t.skip`.
import { AsyncLocalStorage } from 'node:async_hooks';
import { mock } from 'node:test';

export { mock, run } from 'node:test';

type Run = (t: TestContext) => unknown;
interface Options {
  readonly skip?: boolean | string;
}

export interface Suite {
  readonly name: string;
  readonly parent: Suite | undefined;
  readonly skipped: boolean;
  readonly hooks: Readonly<Record<'before' | 'beforeEach' | 'afterEach' | 'after', Run[]>>;
}

export interface Test {
  /** Unique in a file: the names of its suites and its own, and a number where that is not unique. */
  readonly name: string;
  readonly suite: Suite;
  readonly skipped: boolean;
  readonly run: Run;
}

/** What a test gets as its argument. */
export class TestContext {
  readonly name: string;
  readonly signal: AbortSignal;
  /** Counts what was mocked, and undoes it after the test. */
  readonly mock: typeof mock = new (mock.constructor as new () => typeof mock)();
  readonly teardown: Run[] = [];
  readonly #ended = new AbortController();
  skipped = false;

  constructor(name: string) {
    this.name = name;
    this.signal = this.#ended.signal;
  }

  get fullName(): string {
    return this.name;
  }

  after(run: Run): void {
    this.teardown.push(run);
  }

  skip(): void {
    this.skipped = true;
  }

  diagnostic(): void {}

  end(): void {
    this.mock.reset();
    this.#ended.abort();
  }
}

const within = new AsyncLocalStorage<Suite>();
let tests: Test[] = [];
let suites: unknown[] = [];
let current: TestContext | undefined;

/** @returns the tests that `load` declares, in their order. */
export async function collect(load: () => Promise<unknown>): Promise<Test[]> {
  tests = [];
  suites = [];
  await within.run(newSuite('', undefined, false), load);
  // Suites may be asynchronous, and declare more suites.
  for (let index = 0; index < suites.length; index++) await suites[index];
  return tests;
}

export function setContext(context: TestContext | undefined): void {
  current = context;
}

export function getTestContext(): TestContext | undefined {
  return current;
}

export function suite(...given: unknown[]): Promise<void> {
  const [name, { skip }, run] = argumentsOf(given);
  const parent = within.getStore();
  const skipped = parent?.skipped === true || isSkipped(skip);
  if (!skipped) suites.push(within.run(newSuite(name, parent, skipped), run as () => unknown));
  return Promise.resolve();
}

export function test(...given: unknown[]): Promise<void> {
  const [own, { skip }, run] = argumentsOf(given);
  const inside = within.getStore()!;
  const path: string[] = [own];
  for (let at: Suite | undefined = inside; at !== undefined; at = at.parent)
    if (at.name) path.unshift(at.name);
  const joined = path.join(' > ');
  const same = tests.filter(({ name }) => name === joined || name.startsWith(`${joined} #`)).length;
  const name = same === 0 ? joined : `${joined} #${same + 1}`;
  tests.push({ name, suite: inside, skipped: inside.skipped || isSkipped(skip), run });
  return Promise.resolve();
}

export { suite as describe, test as it };
export const [before, beforeEach, afterEach, after] = (
  ['before', 'beforeEach', 'afterEach', 'after'] as const
).map((kind) => (run: Run) => {
  // In a test, `after` is short for `t.after`.
  if (current !== undefined && kind === 'after') current.after(run);
  else within.getStore()!.hooks[kind].push(run);
}) as [Hook, Hook, Hook, Hook];
type Hook = (run: Run) => void;

function newSuite(name: string, parent: Suite | undefined, skipped: boolean): Suite {
  return { name, parent, skipped, hooks: { before: [], beforeEach: [], afterEach: [], after: [] } };
}

function isSkipped(skip: boolean | string | undefined): boolean {
  return skip !== undefined && skip !== false;
}

function argumentsOf(given: readonly unknown[]): [name: string, Options, Run] {
  const run = given.find((value) => typeof value === 'function') as Run | undefined;
  const options = given.find((value) => typeof value === 'object' && value !== null) as Options | undefined;
  const name = typeof given[0] === 'string' ? given[0] : (run?.name ?? '');
  return [name, options ?? {}, run ?? (() => {})];
}
