import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { packed, readJson, reasonToSkip, root } from './packed.ts';
import { programOf } from './runtime-programs.ts';

/** Node.js 20 can require() an ES module. Node.js 16 cannot, and lacks much of what the package uses. */
const versions = ['node16', 'node20'] as const;

suite('a Node.js that is too old says what is needed', { skip: await reasonToSkip('runtimes') }, () => {
  let project: string;
  let installed: string;
  let oldest: string;

  before(async () => {
    ({ project, installed } = await packed());
    const { engines } = await readJson<{ engines: { node: string } }>(join(root, 'package.json'));
    oldest = /^>=(\d+\.\d+)$/.exec(engines.node)![1]!;
  });

  for (const version of versions) {
    for (const program of [
      "import 'peerloom'",
      "import { Node } from 'peerloom'; new Node('127.0.0.1', 0)",
      "import { SecureNode } from 'peerloom/secure'; new SecureNode('127.0.0.1', 0)",
      "await import('peerloom')",
    ]) {
      test(`${version}: ${program}`, () => complains(version, '--input-type=module', '--eval', program));
    }
    for (const program of ["require('peerloom')", "require('peerloom/secure')"]) {
      test(`${version}: ${program}`, () => complains(version, '--eval', program));
    }
    test(`${version}: the command`, () => complains(version, join(installed, 'bin/peerloom.js')));
  }

  async function complains(version: (typeof versions)[number], ...args: string[]): Promise<void> {
    const { command } = programOf(version);
    const failure = await promisify(execFile)(command, args, { cwd: project }).then(
      ({ stdout }) => assert.fail(`it ran, and printed ${stdout}`),
      (error: { stderr: string }) => error,
    );
    const line = new RegExp(
      `^(Error: )?peerloom.* Node\\.js ${oldest} or newer.*, this is (16|20)\\.[\\d.]+$`,
      'm',
    );
    assert.match(failure.stderr, line);
  }
});
