// Runs the tests with the real PyTorch, with the newest one that pip installs: npm run test:torch
// PEERLOOM_TORCH_PYTHON names a Python to use instead. Without one, PyTorch is installed once (5 GB on Linux), in
// node_modules/.cache. Where it cannot be installed or imported, this says so, and ends with 0.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageFolder, pythonWithSources } from '../test/interop/python-package/environment.ts';
import { pythonWith } from '../test/support/python-environment.ts';

const root = join(import.meta.dirname, '..');
const requirements = ['torch>=2', 'numpy', 'cryptography'];
const module = 'torch, numpy, cryptography';
const { PEERLOOM_TORCH_PYTHON: chosen } = process.env;
const installTimeoutMs = 1_800_000;

const setup =
  chosen === undefined ? await pythonWith({ requirements, module, installTimeoutMs }) : { python: chosen };
if ('missing' in setup) {
  console.log(`Nothing was tested: PyTorch 2 cannot be imported here: ${setup.missing}`);
  process.exit();
}
const version = execFileSync(setup.python, ['-c', 'import torch; print(torch.__version__)'], {
  encoding: 'utf8',
}).trim();
console.log(`PyTorch ${version}`);

const sources = await pythonWithSources();
if ('missing' in sources) throw new Error(sources.missing);
const env = {
  ...process.env,
  PEERLOOM_TORCH_PYTHON: setup.python,
  PEERLOOM_TEST_NODE: process.execPath,
};
const files = spawnSync(process.execPath, ['--test', 'test/interop/tensors/torch.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env,
});
const nodes = spawnSync(
  sources.python,
  ['-m', 'pytest', '-p', 'no:cacheprovider', '-v', 'tests/test_torch.py'],
  { cwd: packageFolder, stdio: 'inherit', env },
);
process.exit(files.status === 0 && nodes.status === 0 ? 0 : 1);
