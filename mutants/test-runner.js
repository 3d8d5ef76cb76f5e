// A plugin of StrykerJS: its TAP runner, with the test files in an order that notices most defects early. A defect is
// noticed with the first file that fails, so that only unnoticed ones run all files.
import { globSync } from 'node:fs';
import { INSTRUMENTER_CONSTANTS } from '@stryker-mutator/api/core';
import { commonTokens, declareFactoryPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import { TapTestRunner } from '@stryker-mutator/tap-runner';
import { testOrder } from './test-order.ts';

class OrderedTestRunner extends TapTestRunner {
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
}

create.inject = tokens(commonTokens.options, commonTokens.logger);
function create(options, log) {
  return new OrderedTestRunner(options, log, INSTRUMENTER_CONSTANTS.NAMESPACE);
}

export { strykerValidationSchema } from '@stryker-mutator/tap-runner';
export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'ordered-tap', create)];
