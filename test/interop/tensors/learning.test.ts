/** The example that learns: TypeScript and Python processes train one model, and one of them is killed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { packageFolder, pythonWithSources } from '../python-package/environment.ts';
import { pythonThatHas } from './ask-python.ts';
import '../../support/look-over.ts';

const program = join(import.meta.dirname, '../../../examples/learning/run.ts');
const fromSource = new URL('../../support/peerloom-from-source.ts', import.meta.url).href;

const setup = await pythonWithSources();
// Debian's PyTorch belongs to /usr/bin/python3. Without it, all three Python nodes train with NumPy.
const torch = await pythonThatHas('torch, numpy, cryptography', ['python3', '/usr/bin/python3']);
const skip = 'missing' in setup && process.env.CI !== 'true' ? setup.missing : false;

suite('examples/learning', { skip }, () => {
  test('every node learns what all have seen, though one is killed', async (t) => {
    assert.ok('python' in setup, 'missing' in setup ? setup.missing : '');
    const folder = mkdtempSync(join(tmpdir(), 'peerloom-learning-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const svg = join(folder, 'learning.svg');
    // The Pythons take turns, so that both libraries average with each other.
    const pythons = 'python' in torch ? [setup.python, torch.python] : [setup.python];
    const libraries = pythons.length === 2 ? ['PyTorch', 'NumPy', 'PyTorch'] : Array(3).fill('NumPy');
    const args = [
      program,
      ...pythons.flatMap((python) => ['--python', python]),
      '--rounds',
      '40',
      '--svg',
      svg,
    ];
    const sources = join(packageFolder, 'src');
    const env = { ...process.env, NODE_OPTIONS: `--import=${fromSource}`, PYTHONPATH: sources };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
    assert.equal(stderr, '');
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, 11);
    const reports = lines
      .slice(0, 10)
      .map(
        (line) =>
          /^node (\d) \((TypeScript|NumPy|PyTorch)\): alone ([\d.]+) %, in the network (killed|[\d.]+)/.exec(
            line,
          )!,
      );
    assert.deepEqual(
      reports.map(([, , language]) => language),
      [...Array(7).fill('TypeScript'), ...libraries],
    );
    assert.deepEqual(reports[4]![4], 'killed');
    for (const [line, , , alone, together] of reports) {
      assert.ok(Number(alone) < 40, line);
      if (together !== 'killed') assert.ok(Number(together) > 60, line);
    }
    assert.match(lines[10]!, /^one node with all images: 9[0-9]\.\d %$/);
    const picture = readFileSync(svg, 'utf8');
    assert.equal(picture.match(/<polyline/g)?.length, 10);
    assert.equal(picture.match(/>✕</g)?.length, 1);
  });
});
