import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Account, Command, EventReport, Report } from './member-process.ts';

/** JavaScript in the built package, TypeScript in the sources. */
const program = fileURLToPath(new URL(`member-process${extname(import.meta.url)}`, import.meta.url));

/** A node of the demo in a process of its own. */
export class Member {
  readonly name: string;
  /** Resolves when its process has ended. */
  readonly ended: Promise<void>;
  readonly #process: ChildProcess;
  #account: Account | undefined;
  #waiter: PromiseWithResolvers<Account> | undefined;

  constructor(name: string, onEvent: (report: EventReport) => void) {
    this.name = name;
    this.#process = fork(program, [name], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    this.#process.on('message', (report: Report) => {
      if ('event' in report) onEvent(report);
      else this.#onDone(report);
    });
    this.ended = new Promise((resolve) => this.#process.once('exit', () => resolve()));
    void this.ended.then(() => this.#waiter?.reject(new Error(`the process of ${name} ended`)));
  }

  get isAlive(): boolean {
    return this.#process.connected;
  }

  /** Its latest account. */
  get account(): Account | undefined {
    return this.#account;
  }

  /** Gives it a command, one at a time; resolves when the command is carried out. */
  tell(command: Command): Promise<Account> {
    this.#waiter = Promise.withResolvers();
    this.#process.send(command);
    return this.#waiter.promise;
  }

  /** Ends its process without a warning. */
  async kill(): Promise<void> {
    this.#process.removeAllListeners('message');
    this.#waiter = undefined;
    this.#process.kill('SIGKILL');
    await this.ended;
  }

  #onDone(report: Exclude<Report, EventReport>): void {
    if ('failure' in report) {
      this.#waiter?.reject(new Error(`${this.name}: ${report.failure}`));
    } else {
      this.#account = report.account;
      this.#waiter?.resolve(report.account);
    }
  }
}
