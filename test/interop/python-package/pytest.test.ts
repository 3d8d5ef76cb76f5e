import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { packageFolder, pythonWithSources } from './environment.ts';

test('the tests of the Python package pass', async (t) => {
  const setup = await pythonWithSources();
  if ('missing' in setup) {
    assert.notEqual(process.env.CI, 'true', setup.missing);
    t.skip(setup.missing);
    return;
  }
  const env = { ...process.env, PEERLOOM_TEST_NODE: process.execPath };
  const pytest = spawn(setup.python, ['-m', 'pytest', '-p', 'no:cacheprovider'], { cwd: packageFolder, env });
  const [output, problems] = await Promise.all([
    text(pytest.stdout),
    text(pytest.stderr),
    once(pytest, 'close'),
  ]);
  assert.equal(pytest.exitCode, 0, `${output}${problems}`);
  const summary = output.trim().split('\n').at(-1) ?? '';
  assert.match(summary, /\d+ passed/);
  t.diagnostic(summary);
});
