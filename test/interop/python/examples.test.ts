/** The programs in examples/python, run as their users would. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite, type TestContext, test } from 'node:test';
import { within } from '../../support/turns.ts';
import { pythonWithPackage } from './setup.ts';
import '../../support/look-over.ts';

const folder = join(import.meta.dirname, '../../../examples/python');
const fromSource = new URL('../../support/peerloom-from-source.ts', import.meta.url).href;

suite('examples/python', () => {
  test('a chat of both kinds', async (t) => {
    const python = await pythonOrSkip(t);
    if (python === undefined) return;
    const anna = new Program(t, process.execPath, 'chat.ts', 'anna', '0');
    const port = /^listening on port (\d+)$/.exec(await anna.line())![1]!;
    const boris = new Program(t, python, 'chat.py', 'boris', '0', port);
    assert.equal(await anna.line(), 'boris has joined, not encrypted');
    await boris.lineThatIs('connected');
    boris.type('cześć');
    assert.equal(await anna.line(), 'boris: cześć');
    anna.type('hello');
    await boris.lineThatIs('anna: hello');
    await boris.kill();
    assert.equal(await anna.line(), 'boris has left');
  });

  test('a tensor and its mean', async (t) => {
    const python = await pythonOrSkip(t);
    if (python === undefined) return;
    const mean = new Program(t, process.execPath, 'mean.ts', '0');
    const port = /^listening on port (\d+)$/.exec(await mean.line())![1]!;
    const tensor = new Program(t, python, 'mean.py', port);
    assert.equal(await mean.line(), '100000 elements arrived');
    await tensor.lineThatIs('the mean of 100000 elements is 49999.5');
  });
});

async function pythonOrSkip(t: TestContext): Promise<string | undefined> {
  const setup = await pythonWithPackage();
  if ('python' in setup) return setup.python;
  assert.notEqual(process.env.CI, 'true', setup.missing);
  t.skip(setup.missing);
  return undefined;
}

/** A running example, whose lines are read one by one. */
class Program {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;

  constructor(t: TestContext, command: string, name: string, ...args: string[]) {
    this.#name = name;
    this.#process = spawn(command, [join(folder, name), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: `--import=${fromSource}`, PYTHONUTF8: '1' },
    });
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
    t.after(() => this.kill());
  }

  async line(): Promise<string> {
    const { value, done } = await within(this.#lines.next(), `a line of ${this.#name}`);
    assert.ok(!done, `${this.#name} has ended`);
    return value;
  }

  /** Reads on until then: the package prints lines of its own. */
  async lineThatIs(expected: string): Promise<void> {
    while ((await this.line()) !== expected);
  }

  type(line: string): void {
    this.#process.stdin!.write(`${line}\n`);
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}
