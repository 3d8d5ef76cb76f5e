// Checks the Python package in python/ with ruff, mypy, its tests and the second implementation of test/compliance, in a virtual environment that it makes:
// npm run check:python
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageFolder, pythonWithSources } from '../test/interop/python-package/environment.ts';

const setup = await pythonWithSources();
if ('missing' in setup) {
  console.error(`The Python package cannot be checked: ${setup.missing}`);
  process.exit(1);
}
// The tests talk with nodes that this Node.js runs.
const env = { ...process.env, PEERLOOM_TEST_NODE: process.execPath };
const checks = [
  ['ruff', 'check', '.'],
  ['ruff', 'format', '--check', '.'],
  ['mypy'],
  ['pytest', '-p', 'no:cacheprovider'],
];
for (const args of checks) {
  const { status } = spawnSync(setup.python, ['-m', ...args], { cwd: packageFolder, stdio: 'inherit', env });
  if (status !== 0) process.exit(status ?? 1);
}
const folder = join(import.meta.dirname, '../test/interop/python-package/compliance');
const compliance = ['frames', 'streams', 'windows', 'web-sockets', 'talks'].map((name) =>
  join(folder, `${name}.ts`),
);
const { status } = spawnSync(process.execPath, ['--test', ...compliance], { stdio: 'inherit', env });
process.exit(status ?? 1);
