// Checks the Python package in python/ with ruff and mypy, in a virtual environment that it makes: npm run check:python
import { spawnSync } from 'node:child_process';
import { packageFolder, pythonWithSources } from '../test/interop/python-package/environment.ts';

const setup = await pythonWithSources();
if ('missing' in setup) {
  console.error(`The Python package cannot be checked: ${setup.missing}`);
  process.exit(1);
}
for (const args of [['ruff', 'check', '.'], ['ruff', 'format', '--check', '.'], ['mypy']]) {
  const { status } = spawnSync(setup.python, ['-m', ...args], { cwd: packageFolder, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
