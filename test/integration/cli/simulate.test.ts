import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import '../../support/look-over.ts';
import { type Ending, Program } from './program.ts';

const simulate = (t: TestContext, ...args: string[]): Promise<Ending> =>
  new Program(t, ['simulate', ...args], {}, { input: 'ignore' }).ended;

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'simulate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

suite('peerloom simulate', () => {
  test('prints what becomes of a rumour, the same for the same seed', async (t) => {
    const args = ['--nodes', '60', '--crash', '0.5', '--seed', '7', '--json'];
    const [one, other] = await Promise.all([simulate(t, ...args), simulate(t, ...args)]);
    assert.equal(one.stdout, other.stdout);
    const { digest, halfAfterMs, lastAfterMs, ...summary } = JSON.parse(one.stdout);
    assert.deepEqual([summary.nodes, summary.running], [60, 30]);
    assert.ok(summary.reached > 20 && summary.reached <= 30);
    assert.ok(halfAfterMs > 0 && halfAfterMs < lastAfterMs);
    assert.match(digest, /^[0-9a-f]{16}$/);
    assert.equal(one.code, 0);
    assert.equal(one.stderr, 'connecting …\nthe rumour spreads …\n');
  });

  test('prints a table for people, and draws the run', async (t) => {
    const svg = join(folderOf(t), 'rumour.svg');
    const { stdout, code } = await simulate(t, '--nodes', '20', '--seconds', '5', '--svg', svg);
    assert.match(
      stdout,
      /^nodes +20, of which 20 run at the end\nreached +20 of the nodes that run \(100 %\)\n/,
    );
    assert.equal(code, 0);
    assert.match(readFileSync(svg, 'utf8'), /^<svg .*<title>A rumour among 20 nodes<\/title>.*<\/svg>\n$/s);
  });

  test('lets the part that is cut off hear of it later', async (t) => {
    const args = ['--nodes', '30', '--partition', '0.3', '--latency', '20', '--seconds', '10', '--json'];
    const summary = JSON.parse((await simulate(t, ...args)).stdout);
    assert.equal(summary.reached, 30);
    assert.ok(summary.halfAfterMs < 1_000 && summary.lastAfterMs > 5_000, JSON.stringify(summary));
  });

  test('lets nodes come and go, over links that lose data', async (t) => {
    const args = ['--nodes', '30', '--churn', '60', '--loss', '0.1', '--latency', 'world', '--json'];
    const { nodes, running, events } = JSON.parse((await simulate(t, ...args)).stdout);
    assert.ok(nodes === 30 && running < 30 && events > 300, `${running} run, ${events} events`);
  });

  test('says in one line what is wrong with an option', async (t) => {
    const wrong = [
      [
        ['--nodes', '0'],
        "option '--nodes <count>' argument '0' is invalid. It must be a whole number from 1 to 100000",
      ],
      [
        ['--crash', '1.5'],
        "option '--crash <share>' argument '1.5' is invalid. It must be a share from 0 to 1, such as 0.5",
      ],
      [
        ['--latency', '90-10'],
        "argument '90-10' is invalid. It must be milliseconds, such as 20, a range, such as 10-100, or world",
      ],
      [['--partition', '1'], "argument '1' is invalid. It must be a share from 0 to below 1, such as 0.05"],
      [
        ['--svg', join(tmpdir(), 'no such folder', 'a.svg')],
        '--svg cannot write the picture, choose another file: ENOENT: no such file or directory',
      ],
    ] as const;
    const endings = await Promise.all(wrong.map(([args]) => simulate(t, ...args)));
    for (const [index, { code, stdout, stderr }] of endings.entries()) {
      assert.deepEqual([code, stdout], [2, '']);
      assert.ok(stderr.startsWith('peerloom: ') && stderr.includes(wrong[index]![1]), stderr);
      assert.equal(stderr.trimEnd().split('\n').length, 1);
    }
  });

  test('leaves no file behind where the options are wrong', async (t) => {
    const svg = join(folderOf(t), 'rumour.svg');
    assert.equal((await simulate(t, '--svg', svg, '--nodes', 'many')).code, 2);
    assert.equal(existsSync(svg), false);
  });
});
