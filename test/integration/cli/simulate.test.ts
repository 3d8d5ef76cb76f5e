import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import '../../support/look-over.ts';
import { type Ending, Program, terminal } from './program.ts';

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

suite('peerloom simulate --replay', () => {
  test('lists a recorded run, which is the same again', async (t) => {
    const path = join(folderOf(t), 'run.jsonl');
    const args = ['--nodes', '12', '--crash', '0.25', '--churn', '60', '--seconds', '5', '--json'];
    const recorded = await simulate(t, ...args, '--record', path);
    const { events, digest } = JSON.parse(recorded.stdout);
    const [all, ofOne] = await Promise.all([
      simulate(t, '--replay', path),
      simulate(t, '--replay', path, '--node', '3', '--from', '300'),
    ]);
    const lines = all.stdout.trimEnd().split('\n');
    const count = readFileSync(path, 'utf8').trimEnd().split('\n').length - 2;
    assert.equal(count, events);
    assert.deepEqual(
      [all.code, lines.length, lines.at(-1)],
      [
        0,
        count + 1,
        `The run is the same as the recorded one: ${count} events and faults, digest ${digest}.`,
      ],
    );
    assert.match(all.stdout, /^ +\d+\.\d{3} ms {2}node \d+: outbound_node_connected, node \d+$/m);
    assert.match(all.stdout, /^ +\d+\.\d{3} ms {2}crash \{"nodes":\[\d+,\d+,\d+\]\}$/m);
    assert.match(all.stdout, /: node_message, node \d+, "have you heard\?"$/m);
    const few = ofOne.stdout.trimEnd().split('\n').slice(0, -1);
    assert.ok(few.length > 3 && few.length < count / 2, ofOne.stdout);
    for (const line of few) {
      assert.match(line, /node 3\b|^ +\S+ ms {2}(crash|restart) /);
      assert.ok(Number.parseFloat(line) >= 300, line);
      assert.ok(lines.includes(line), line);
    }
  });

  test('stops at the first event that is different', async (t) => {
    const path = join(folderOf(t), 'run.jsonl');
    await simulate(t, '--nodes', '5', '--seconds', '1', '--record', path);
    const lines = readFileSync(path, 'utf8').split('\n');
    const index = lines.findIndex((line) => line.includes('node_message'));
    const changed = { ...JSON.parse(lines[index]!), what: '"nothing new"' };
    writeFileSync(path, lines.with(index, JSON.stringify(changed)).join('\n'));
    const { code, stdout } = await simulate(t, '--replay', path);
    const shown = stdout.trimEnd().split('\n');
    assert.deepEqual([code, shown.length], [1, index - 1 + 3]);
    assert.equal(shown.at(-3), `The run differs from the recorded one after ${index - 1} events and faults:`);
    assert.match(shown.at(-2)!, /^ {2}expected {2}\S+ ms {2}node \d: node_message, node \d, "nothing new"$/);
    assert.match(shown.at(-1)!, /^ {2}came {6}\S+ ms {2}node \d: node_message, node \d, "have you heard\?"$/);

    const [header] = lines;
    writeFileSync(path, lines.with(0, header!.replace('"seed":1', '"seed":2')).join('\n'));
    assert.match(
      (await simulate(t, '--replay', path)).stdout,
      /^The run differs .*\n {2}expected {2}.*\n {2}came {6}/m,
    );
  });

  test('says in one line that a file is damaged', async (t) => {
    const path = join(folderOf(t), 'run.jsonl');
    await simulate(t, '--nodes', '3', '--seconds', '1', '--record', path);
    const whole = readFileSync(path, 'utf8');
    const lines = whole.split('\n');
    const damages = [
      ['', ' is not a recording of peerloom simulate'],
      [whole.slice(40), ' is not a recording of peerloom simulate'],
      [
        whole.replace('"format":1', '"format":2'),
        ' has format 2, and this version of peerloom reads format 1',
      ],
      [
        whole.replace('"nodes":3', '"nodes":1e9'),
        ' is damaged in line 1: its options are not those of a run',
      ],
      [whole.slice(0, -30), ` is damaged: it breaks off after line ${lines.length - 2}`],
      [whole.replace('"at":', '"at:'), ' is damaged in line 2: it is neither an event nor a fault'],
      [
        lines.toSpliced(2, 1).join('\n'),
        ` is damaged in line ${lines.length - 2}: its end counts ${lines.length - 3} lines before it, and there are ${lines.length - 4}`,
      ],
      [`${whole}{}\n`, ` is damaged in line ${lines.length}: it follows the end`],
    ] as const;
    const files = damages.map(([text], index) => {
      writeFileSync(`${path}${index}`, text);
      return `${path}${index}`;
    });
    const endings = await Promise.all(files.map((file) => simulate(t, '--replay', file)));
    for (const [index, { code, stdout, stderr }] of endings.entries()) {
      assert.deepEqual([code, stdout, stderr], [1, '', `peerloom: ${files[index]}${damages[index]![1]}\n`]);
    }
  });

  test('shows one event after the other on a terminal', async (t) => {
    const path = join(folderOf(t), 'run.jsonl');
    await simulate(t, '--nodes', '5', '--seconds', '1', '--record', path);
    const program = new Program(t, ['simulate', '--replay', path], terminal);
    const event = String.raw` ms {2}node [\s\S]*?`;
    const shown = (count: number): RegExp => new RegExp(`(?:${event}){${count}}> `);
    await program.prints(shown(1));
    program.type('\n');
    await program.prints(shown(2));
    program.type('3\n');
    await program.prints(shown(5));
    program.type('what?\n');
    await program.prints(/Enter shows[\s\S]*Enter shows/);
    program.type('q\n');
    const { code, stdout } = await program.ended;
    assert.equal(code, 0);
    assert.equal(stdout.match(/ ms {2}node /g)!.length, 5);
    assert.match(stdout, /The run is the same as the recorded one: /);
  });

  test('says in one line what is wrong with its options', async (t) => {
    const nowhere = join(tmpdir(), 'no such folder', 'run.jsonl');
    const notes = join(folderOf(t), 'notes.txt');
    writeFileSync(notes, 'not to be lost');
    const wrong = [
      [
        ['--record', notes],
        '--record cannot write the recording, choose another file: there is a file that is not a recording',
      ],
      [
        ['--record', nowhere],
        '--record cannot write the recording, choose another file: ENOENT: no such file',
      ],
      [['--replay', nowhere], '--replay cannot read the recording: ENOENT: no such file'],
      [['--replay', tmpdir()], `--replay cannot read the recording: ${tmpdir()} is not a file`],
      [
        ['--replay', nowhere, '--nodes', '3'],
        "option '--replay <file>' cannot be used with option '--nodes <count>'",
      ],
      [['--node', '3'], '--node and --from are for --replay'],
    ] as const;
    const endings = await Promise.all(wrong.map(([args]) => simulate(t, ...args)));
    for (const [index, { code, stdout, stderr }] of endings.entries()) {
      assert.deepEqual([code, stdout], [2, '']);
      assert.ok(stderr.startsWith(`peerloom: ${wrong[index]![1]}`), stderr);
      assert.equal(stderr.trimEnd().split('\n').length, 1);
    }
    assert.equal(readFileSync(notes, 'utf8'), 'not to be lost');
  });

  test('fails where the recording cannot be written whole', async (t) => {
    const { code, stderr } = await simulate(t, '--nodes', '3', '--seconds', '1', '--record', '/dev/full');
    assert.equal(code, 1);
    assert.match(stderr, /^peerloom: --record could not write the recording: ENOSPC.*$/m);
  });
});
