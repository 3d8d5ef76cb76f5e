// A plugin of StrykerJS: its TAP runner, with the test files in an order that notices most defects early. A defect is
// noticed with the first file that fails, so that only unnoticed ones run all files.
import { globSync } from 'node:fs';
import { INSTRUMENTER_CONSTANTS } from '@stryker-mutator/api/core';
import { commonTokens, declareFactoryPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import { TestStatus } from '@stryker-mutator/api/test-runner';
import { TapTestRunner } from '@stryker-mutator/tap-runner';
import { testOrder } from './test-order.ts';

/** A test that a mutant keeps waiting fails after this time, and twice the usual time of its file. */
const patienceMs = 15_000;
/** For files whose usual time is not known, since the runner was started again. */
const longPatienceMs = 60_000;

class OrderedTestRunner extends TapTestRunner {
  #usualMs = new Map();

  async init() {
    this.testFiles = [...new Set(this.options.tap.testFiles.flatMap((pattern) => globSync(pattern).sort()))];
  }

  async mutantRun(options) {
    const { testFilter = this.testFiles, activeMutant } = options;
    return super.mutantRun({
      ...options,
      testFilter: testOrder(testFilter, this.testFiles, activeMutant.fileName),
    });
  }

  async runFile(file, options) {
    const { options: given } = this;
    const beganAt = performance.now();
    const usualMs = this.#usualMs.get(file);
    const timeoutMs = usualMs === undefined ? longPatienceMs : patienceMs + Math.ceil(2 * usualMs);
    const nodeArgs = [...(options.dryRun ? [] : [`--test-timeout=${timeoutMs}`]), ...given.tap.nodeArgs];
    this.options = { ...given, tap: { ...given.tap, nodeArgs } };
    try {
      return await super.runFile(file, options);
    } catch (error) {
      // An error outside of all tests ends the process: `npm test` fails then as well.
      if (options.dryRun || !/^Tap process exited with code/.test(error.message)) throw error;
      return { testResult: failed(file, performance.now() - beganAt), coverage: undefined };
    } finally {
      this.options = given;
      if (options.dryRun) this.#usualMs.set(file, performance.now() - beganAt);
    }
  }
}

function failed(file, timeSpentMs) {
  const failureMessage = 'the process ended with an error';
  return { id: file, name: file, fileName: file, timeSpentMs, status: TestStatus.Failed, failureMessage };
}

create.inject = tokens(commonTokens.options, commonTokens.logger);
function create(options, log) {
  return new OrderedTestRunner(options, log, INSTRUMENTER_CONSTANTS.NAMESPACE);
}

export { strykerValidationSchema } from '@stryker-mutator/tap-runner';
export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'ordered-tap', create)];
