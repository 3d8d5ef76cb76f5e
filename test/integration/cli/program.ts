import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Fixture } from '../../support/fixture.ts';
import { within } from '../../support/turns.ts';

const bin = fileURLToPath(new URL('../../../bin/peerloom.js', import.meta.url));

/** The environment in which Node.js runs this source before the program. */
export function preload(source: string): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import=data:text/javascript;base64,${Buffer.from(source).toString('base64')}` };
}

/** The environment in which a program takes its pipes for a terminal. */
export const terminal = preload(`
  process.stdin.isTTY = process.stdout.isTTY = true;
  process.stdout.getColorDepth = () => 1;`);

export interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A line of `--json`. */
export interface JsonEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** How a program starts. */
export interface Start {
  /** Another one than `peerloom`. */
  readonly script?: string;
  readonly cwd?: string;
  /** `'ignore'`: there is none, as services have it. */
  readonly input?: 'pipe' | 'ignore';
}

/** A running `peerloom`, or another program, which does not outlive the test. */
export class Program {
  /** Resolves when nobody holds its output any more, neither itself nor a process that it started. */
  readonly ended: Promise<Ending>;
  readonly #process: ChildProcess;
  #stdout = '';
  #stderr = '';
  #recheck = (): void => {};

  constructor(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}, start: Start = {}) {
    const { NODE_OPTIONS, DEBUG, FORCE_COLOR, ...inherited } = process.env;
    this.#process = spawn(process.execPath, [start.script ?? bin, ...args], {
      cwd: start.cwd,
      stdio: [start.input ?? 'pipe', 'pipe', 'pipe'],
      env: { ...inherited, NO_COLOR: '1', ...env },
    });
    const closed = once(this.#process, 'close');
    Fixture.of(t).defer(() => {
      this.#process.kill('SIGKILL');
      return closed;
    });
    const { stdin, stdout, stderr } = this.#process;
    stdin?.on('error', () => {});
    stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#recheck();
    });
    stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#recheck();
    });
    const ended = closed.then(([code]) => {
      this.#recheck();
      return { code, stdout: this.#stdout, stderr: this.#stderr };
    });
    this.ended = within(ended, () => `the end of ${args.join(' ')}\n${this.#stdout}${this.#stderr}`);
    this.ended.catch(() => {});
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get pid(): number {
    return this.#process.pid!;
  }

  type(text: string): void {
    this.#process.stdin!.write(text);
  }

  endInput(text = ''): void {
    this.#process.stdin!.end(text);
  }

  closeOutput(): void {
    this.#process.stdout!.destroy();
  }

  closeErrorOutput(): void {
    this.#process.stderr!.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Waits until its output holds something; gives what the groups of the pattern match. */
  prints(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#until(() => pattern.exec(this.#stdout), `${pattern} on stdout`);
  }

  complains(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#until(() => pattern.exec(this.#stderr), `${pattern} on stderr`);
  }

  /** The n-th event of that name, counted from 1, of a program that prints JSON. */
  event(name: string, nth = 1): Promise<JsonEvent> {
    return this.#until(() => this.events.filter(({ event }) => event === name)[nth - 1], `${nth} × ${name}`);
  }

  get events(): JsonEvent[] {
    const lines = this.#stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }

  #until<Found>(find: () => Found | null | undefined, what: string): Promise<Found> {
    const found = new Promise<Found>((resolve) => {
      this.#recheck = () => {
        const one = find();
        if (one !== null && one !== undefined) resolve(one);
      };
      this.#recheck();
    });
    return within(found, () => `${what}\n${this.#stdout}${this.#stderr}`);
  }
}

/** Runs `peerloom` to its end; what it reads is empty. */
export function run(t: TestContext, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ending> {
  const program = new Program(t, args, env);
  program.endInput();
  return program.ended;
}

/** A `peerloom node` that runs, with the address it listens on. */
export async function startNode(
  t: TestContext,
  args: readonly string[] = [],
): Promise<{ program: Program; address: string; id: string }> {
  const program = new Program(t, ['node', '--json', ...args]);
  const { id, host, port } = await program.event('listening');
  return { program, address: `${host}:${port}`, id: String(id) };
}
