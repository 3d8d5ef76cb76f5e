import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { SystemEntry } from './catalogue.ts';
import { checkoutVariable } from './systems/package-under-test.ts';
import type { Answer, Order } from './worker.ts';

type Distribute<Type> = Type extends unknown ? Omit<Type, 'id'> : never;
export type Request = Distribute<Order>;

export interface WorkerOptions {
  readonly python: string;
  readonly checkout: string | undefined;
}

/** One of the two processes of a system: orders go in, answers come out. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #tell: (order: Order) => void;
  readonly #waiting = new Map<
    number,
    { resolve: (result: unknown) => void; reject: (error: Error) => void }
  >();
  /** Rejects when the process ends. */
  readonly died: Promise<never>;
  #lastId = 0;

  constructor(system: SystemEntry, { python, checkout }: WorkerOptions) {
    const { child, tell } = system.isPython ? startPython(system, python) : startNode(checkout);
    this.#child = child;
    this.#tell = tell;
    if (system.isPython) {
      createInterface({ input: child.stdout! }).on('line', (line) => this.#onAnswer(JSON.parse(line)));
    } else {
      child.on('message', (answer: Answer) => this.#onAnswer(answer));
    }
    this.died = new Promise((_, reject) => {
      child.once('exit', (code, signal) =>
        reject(new Error(`a process ended with ${signal ?? `exit code ${code}`}`)),
      );
      child.once('error', reject);
    });
    this.died.catch(() => {});
  }

  /** @throws Error with what went wrong over there, or when it takes too long. */
  async order<Result>(request: Request, timeoutMs: number): Promise<Result> {
    const id = ++this.#lastId;
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs / 1000} s`)), timeoutMs);
      this.died.catch(reject);
      this.#tell({ id, ...request });
    });
    try {
      return (await answer) as Result;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) resolve();
      this.#child.once('exit', () => resolve());
      this.#child.kill('SIGKILL');
    });
  }

  #onAnswer({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly tell: (order: Order) => void;
}

function startNode(checkout: string | undefined): Started {
  const script = fileURLToPath(new URL('worker.ts', import.meta.url));
  const env = { ...process.env, ...(checkout !== undefined && { [checkoutVariable]: checkout }) };
  const child = fork(script, {
    env,
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return { child, tell: (order) => child.send(order) };
}

/** A program in another language speaks JSON, a line each, on its standard input and output. */
function startPython(system: SystemEntry, python: string): Started {
  const script = fileURLToPath(new URL(system.module, import.meta.url));
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin!.on('error', () => {});
  return { child, tell: (order) => child.stdin!.write(`${JSON.stringify(order)}\n`) };
}
