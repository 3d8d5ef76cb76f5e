import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Account, Command, EventReport, Report } from './member-process.ts';

/** The member's program: JavaScript in the built package, TypeScript in the sources. */
const program = fileURLToPath(new URL(`member-process${extname(import.meta.url)}`, import.meta.url));

/** A node of the demo in its own process. */
export class Member {
  readonly name: string;
  /** Resolves when the member's process has ended. */
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

  /** The latest account of the member. */
  get account(): Account | undefined {
    return this.#account;
  }

  /** Sends a command. Commands run one at a time. Resolves when the member has carried it out. */
  tell(command: Command): Promise<Account> {
    this.#waiter = Promise.withResolvers();
    this.#process.send(command);
    return this.#waiter.promise;
  }

  /** Kills the process, without a goodbye to its peers. */
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
