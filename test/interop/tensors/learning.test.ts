/** The example that learns: TypeScript and Python processes train one model, and one of them is killed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { pythonWithSources } from '../python-package/environment.ts';
import '../../support/look-over.ts';

const program = join(import.meta.dirname, '../../../examples/learning/run.ts');
const fromSource = new URL('../../support/peerloom-from-source.ts', import.meta.url).href;

const setup = await pythonWithSources();
const skip = 'missing' in setup && process.env.CI !== 'true' ? setup.missing : false;

suite('examples/learning', { skip }, () => {
  test('every node learns what all have seen, though one is killed', async (t) => {
    assert.ok('python' in setup, 'missing' in setup ? setup.missing : '');
    const folder = mkdtempSync(join(tmpdir(), 'peerloom-learning-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const svg = join(folder, 'learning.svg');
    const args = [program, '--python', setup.python, '--rounds', '40', '--svg', svg];
    const env = { ...process.env, NODE_OPTIONS: `--import=${fromSource}` };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
    assert.equal(stderr, '');
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, 11);
    const reports = lines
      .slice(0, 10)
      .map(
        (line) =>
          /^node (\d) \((TypeScript|Python)\): alone ([\d.]+) %, in the network (killed|[\d.]+)/.exec(line)!,
      );
    assert.deepEqual(
      reports.map(([, , language]) => language),
      [...Array(7).fill('TypeScript'), ...Array(3).fill('Python')],
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
