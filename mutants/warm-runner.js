// A plugin of StrykerJS: runs the tests of mutants in a process that keeps everything loaded (warm/process.ts). So a
// mutant costs milliseconds where a process for each test file costs half a second.
import { fork } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { commonTokens, declareFactoryPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import { DryRunStatus, MutantRunStatus, TestStatus } from '@stryker-mutator/api/test-runner';
import { testOrder } from './test-order.ts';

const program = join(import.meta.dirname, 'warm/process.ts');
/** What is known of the tests: it outlives a restart of the runner. */
const known = 'peerloom-tests.json';
/** A test that a mutant keeps waiting fails after this time, and three times its usual time. */
const patienceMs = 3_000;
/** A process that computes without end is killed so much later. */
const extraMs = 3_000;
/** A file whose tests take longer runs after the others. */
const longMs = 3_000;
/** A mutant is tried with the first tests that together take this long. */
const mostMs = 10_000;
/** In a process, tests may leave things behind. */
const maxMutantsOfProcess = 60;

class Ended extends Error {
  constructor(late, test) {
    super(late ? `${test} computes without end` : `the process ended in ${test}`);
    this.late = late;
  }
}

class WarmRunner {
  #process;
  #uses = 0;
  #log;
  #patterns;
  #endsAt;
  #files = [];
  #known = { ms: {}, mutants: {} };

  constructor(options, log) {
    this.#patterns = options.warm.testFiles;
    this.#endsAt = options.warm.endsAt ?? Infinity;
    this.#log = log;
  }

  capabilities() {
    return { reloadEnvironment: true };
  }

  async init() {
    this.#files = [...new Set(this.#patterns.flatMap((pattern) => globSync(pattern).sort()))];
    try {
      this.#known = JSON.parse(readFileSync(known, 'utf8'));
    } catch {}
  }

  async dryRun() {
    const tests = [];
    const mutantCoverage = { static: {}, perTest: {} };
    for (const file of this.#files) {
      const learned = await this.#learn(file);
      if (learned === undefined) continue;
      const { outcomes, coverage, whileLoading } = learned;
      for (const [id, count] of Object.entries(whileLoading))
        mutantCoverage.static[id] = (mutantCoverage.static[id] ?? 0) + count;
      for (const { name, status, ms, reason } of outcomes) {
        const id = idOf(file, name);
        if (status === 'failed') {
          this.#log.warn(`left out, since it fails in this process: ${id}: ${reason}`);
          continue;
        }
        this.#known.ms[id] = ms;
        mutantCoverage.perTest[id] = coverage[name] ?? {};
        this.#known.mutants[file] = [
          ...new Set([...(this.#known.mutants[file] ?? []), ...Object.keys(mutantCoverage.perTest[id])]),
        ];
        tests.push({
          id,
          name: id,
          fileName: file,
          timeSpentMs: Math.ceil(ms),
          status: status === 'skipped' ? TestStatus.Skipped : TestStatus.Success,
        });
      }
    }
    writeFileSync(known, JSON.stringify(this.#known));
    await this.dispose();
    return { status: DryRunStatus.Complete, tests, mutantCoverage };
  }

  async #learn(file) {
    try {
      return await this.#ask({ kind: 'learn', file });
    } catch (error) {
      this.#log.warn(`left out, since ${error.message}: ${file}`);
      await this.dispose();
      return undefined;
    }
  }

  async mutantRun({ activeMutant, testFilter, hitLimit, reloadEnvironment, sandboxFileName }) {
    if (Date.now() > this.#endsAt) return { status: MutantRunStatus.Error, errorMessage: 'no time was left' };
    const fromLoading = reloadEnvironment;
    const { ms } = this.#known;
    const chosen = new Map();
    for (const id of testFilter ?? Object.keys(ms)) {
      const { file, name } = partsOf(id);
      const { names, totalMs } = chosen.get(file) ?? { names: [], totalMs: 0 };
      chosen.set(file, { names: [...names, name], totalMs: totalMs + (ms[id] ?? 0) });
    }
    const msOf = (file) => chosen.get(file)?.totalMs ?? 0;
    const quickFirst = [...this.#files].sort((a, b) => msOf(a) - msOf(b));
    const files = testOrder(
      testFilter === undefined ? this.#filesThatRun(sandboxFileName) : [...chosen.keys()],
      quickFirst,
      sandboxFileName,
    );
    // Those that take long last, whatever they are named after.
    files.sort((a, b) => Number(msOf(a) > longMs) - Number(msOf(b) > longMs));
    if (fromLoading || this.#uses >= maxMutantsOfProcess) await this.dispose();
    this.#uses++;
    let nrOfTests = 0;
    let spentMs = 0;
    for (const file of files) {
      const names = chosen.get(file)?.names ?? [];
      if (names.length === 0 || (spentMs > 0 && spentMs + msOf(file) > mostMs)) continue;
      spentMs += msOf(file);
      const request = { kind: 'try', file, names, mutant: activeMutant.id, hitLimit, fromLoading };
      const verdict = await this.#try(request);
      nrOfTests += verdict.runs ?? 0;
      if (fromLoading && verdict.noticedBy !== undefined) await this.dispose();
      if (verdict.status !== undefined) return { ...verdict, nrOfTests };
    }
    if (fromLoading) await this.dispose();
    const { location, replacement } = activeMutant;
    const { line, column } = location.start;
    const at = `${relative(process.cwd(), sandboxFileName)}:${line + 1}:${column + 1}`;
    this.#log.info(`survived: ${at} becomes ${replacement.slice(0, 100)}`);
    return { status: MutantRunStatus.Survived, nrOfTests };
  }

  /**
   * For a mutant that runs while its file loads, which is not known of each test file.
   *
   * @returns the test files that run something else in the source; all if nothing else is in it.
   */
  #filesThatRun(source) {
    const calls = readFileSync(source, 'utf8').matchAll(/\bstryMutAct_\w+\("(\d+)"\)/g);
    const mutants = new Set([...calls].map(([, id]) => id));
    const files = this.#files.filter((file) => this.#known.mutants[file]?.some((id) => mutants.has(id)));
    return files.length > 0 ? files : this.#files;
  }

  /** Asks a fresh process again where the last one may be spoilt. */
  async #try(request) {
    const limitsMs = Object.fromEntries(
      request.names.map((name) => [
        name,
        patienceMs + 3 * (this.#known.ms[idOf(request.file, name)] ?? 5_000),
      ]),
    );
    for (let attempt = 1; ; attempt++) {
      const isFresh = this.#process === undefined || request.fromLoading;
      let answer;
      try {
        answer = await this.#ask({ ...request, limitsMs });
      } catch (error) {
        await this.dispose();
        if (!(error instanceof Ended) || (!isFresh && attempt === 1 && !error.late)) continue;
        return error.late
          ? { status: MutantRunStatus.Timeout, reason: error.message }
          : killed(request.file, error.message);
      }
      const { noticedBy, reason, suspect, leftOpen, reachedLimit } = answer;
      if (noticedBy === undefined) return answer;
      if (suspect || leftOpen > 0) await this.dispose();
      if (suspect && !(await this.#passes(request, noticedBy, limitsMs))) {
        this.#log.warn(`left out for one mutant, since it fails without it: ${noticedBy}: ${reason}`);
        request = { ...request, names: request.names.filter((name) => name !== noticedBy) };
        if (request.names.length === 0) return {};
        continue;
      }
      // In a process that had run other mutants, the failure may have been due to one of them.
      if (suspect && !isFresh && attempt === 1) continue;
      if (reachedLimit) return { status: MutantRunStatus.Timeout, reason, runs: answer.runs };
      return { ...killed(idOf(request.file, noticedBy), reason), runs: answer.runs };
    }
  }

  /** @returns whether a test passes in a fresh process without a mutant. */
  async #passes({ file }, name, limitsMs) {
    const request = { kind: 'try', file, names: [name], fromLoading: false, limitsMs };
    try {
      return (await this.#ask(request)).noticedBy === undefined || name === file;
    } catch {
      return false;
    } finally {
      await this.dispose();
    }
  }

  #ask(request) {
    this.#process ??= start();
    const { promise, resolve, reject } = Promise.withResolvers();
    const asked = this.#process;
    let timer;
    let test = 'loading';
    const patient = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => reject(new Ended(true, test)), ms);
    };
    patient(60_000);
    const onMessage = (message) => {
      if (message.kind === 'begins') {
        test = message.name;
        patient(message.limitMs + extraMs);
      } else if (message.kind === 'checks') patient(60_000);
      else if (message.kind === 'answer')
        message.error === undefined ? resolve(message) : reject(new Error(message.error));
    };
    const onExit = () => reject(new Ended(false, test));
    asked.on('message', onMessage);
    asked.on('exit', onExit);
    asked.send(request);
    return promise.finally(() => {
      clearTimeout(timer);
      asked.off('message', onMessage);
      asked.off('exit', onExit);
    });
  }

  async dispose() {
    const ending = this.#process;
    this.#process = undefined;
    this.#uses = 0;
    if (ending === undefined) return;
    ending.removeAllListeners();
    ending.on('error', () => {});
    try {
      // With the processes that the tests started.
      process.kill(-ending.pid, 'SIGKILL');
    } catch {}
  }
}

function start() {
  const execArgv = ['--max-old-space-size=2000', '--expose-gc'];
  const child = fork(program, { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv });
  child.on('error', () => {});
  return child;
}

function killed(test, failureMessage) {
  return { status: MutantRunStatus.Killed, killedBy: [test], failureMessage: failureMessage ?? '' };
}

function idOf(file, name) {
  return `${file} | ${name}`;
}

function partsOf(id) {
  const at = id.indexOf(' | ');
  return { file: id.slice(0, at), name: id.slice(at + 3) };
}

create.inject = tokens(commonTokens.options, commonTokens.logger);
function create(options, log) {
  return new WarmRunner(options, log);
}

export const strykerValidationSchema = { properties: { warm: { type: 'object' } } };
export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'warm', create)];
