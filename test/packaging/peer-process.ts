import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { environmentOf, type RuntimeProgram } from './runtime-programs.ts';

/** What peer.js answers to a task. */
interface Answer {
  readonly result?: unknown;
  readonly code?: string;
  readonly message?: string;
}

/** A process that runs peer.js of the project on some runtime. */
export class PeerProcess {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #stderr = '';

  private constructor(cwd: string, { command, args }: RuntimeProgram) {
    const env = environmentOf(cwd);
    this.#process = spawn(command, [...args, 'peer.js'], { cwd, env, stdio: 'pipe' });
    this.#process.stderr!.on('data', (text) => {
      this.#stderr += text;
    });
    this.#answers = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  /** @returns the process, and the ports that its nodes listen on: over TLS, and over WebSockets. */
  static async start(
    cwd: string,
    program: RuntimeProgram,
  ): Promise<{ peer: PeerProcess; port: number; webPort: number }> {
    const peer = new PeerProcess(cwd, program);
    const { port, webPort } = (await peer.#next()).result as { port: number; webPort: number };
    return { peer, port, webPort };
  }

  /** @throws Error when the task fails, with its code. */
  async ask(task: string, options: object = {}): Promise<unknown> {
    this.#process.stdin!.write(`${JSON.stringify({ task, ...options })}\n`);
    const { result, code, message } = await this.#next();
    if (message !== undefined) throw Object.assign(new Error(message), { code });
    return result;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  async #next(): Promise<Answer> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the process ended: ${this.#stderr}`);
    return JSON.parse(value) as Answer;
  }
}
