import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import '../../../support/checked-pools.ts';
import { pause, within } from '../../../support/turns.ts';

/** Between two looks at a child. */
const lookMs = 5;

/** Something that a child process tells on its own. */
export interface ChildEvent {
  readonly name: string;
  /** The node that it is about. */
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

/** What a program answers to. After `stop` nothing may be left that keeps its process alive. */
type Commands = Record<string, (argument: never) => unknown> & { readonly stop: () => Promise<void> };

type Reply = { readonly reply: number; readonly value?: unknown; readonly error?: string };

/** A program of this folder in a process of its own: it is asked by name, and its events are waited for. */
export class Child<Known extends Commands> {
  readonly #process: ChildProcess;
  readonly #program: string;
  readonly #ended: Promise<number | string>;
  /** What it wrote to its standard error: nothing, unless something went wrong. */
  #complaints = '';
  #failure: Error | undefined;
  readonly #asked = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #events: ChildEvent[] = [];
  #wake = Promise.withResolvers<void>();
  #count = 0;

  /** @param prefix A command to run it under, such as `ip netns exec name`. */
  constructor(program: string, options: unknown, prefix: readonly string[] = []) {
    this.#program = program;
    const file = fileURLToPath(new URL(program, import.meta.url));
    // Older Node.js warns of the types that it strips. What V8 takes for long-lived by chance, it collects at 100 MiB
    // only (docs/attacks.md).
    const flags = [
      '--expose-gc',
      '--disable-warning=ExperimentalWarning',
      '--no-allocation-site-pretenuring',
    ];
    const words = [...prefix, process.execPath, ...flags, file, JSON.stringify(options)];
    this.#process = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text;
      process.stderr.write(text);
    });
    this.#ended = once(this.#process, 'close').then(([code, signal]) => {
      this.#failure = new Error(`${program} ended with ${code ?? signal}`);
      for (const { reject } of this.#asked.values()) reject(this.#failure);
      this.#wake.resolve();
      return code ?? signal;
    });
    this.#process.on('message', (message: Reply | ChildEvent) => {
      if ('reply' in message) this.#settle(message);
      else this.#remember(message);
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  call<Name extends keyof Known & string>(
    command: Name,
    ...[argument]: Parameters<Known[Name]>
  ): Promise<Awaited<ReturnType<Known[Name]>>> {
    return this.#call(command, argument) as Promise<Awaited<ReturnType<Known[Name]>>>;
  }

  /** Asks every few milliseconds, until the answer is as it should be. */
  async until<Name extends keyof Known & string>(
    isSo: (answer: Awaited<ReturnType<Known[Name]>>) => boolean,
    command: Name,
    ...argument: Parameters<Known[Name]>
  ): Promise<void> {
    while (!isSo(await this.call(command, ...argument))) await pause(lookMs);
  }

  /** The next event of that name about that node, whether it has come already or not. */
  async event(name: string, id: string): Promise<ChildEvent> {
    for (;;) {
      const index = this.#events.findIndex((event) => event.name === name && event.id === id);
      if (index >= 0) return this.#events.splice(index, 1)[0]!;
      if (this.#failure !== undefined) throw this.#failure;
      await within(this.#wake.promise, `${this.#program} tells '${name}' of ${id}`);
    }
  }

  /** How many events of that name about that node nobody has waited for. */
  count(name: string, id: string): number {
    return this.#events.filter((event) => event.name === name && event.id === id).length;
  }

  /** Has the program stop what it does; its process must end by itself then, and have complained of nothing. */
  async stop(): Promise<void> {
    try {
      await this.#call('stop');
      assert.equal(await within(this.#ended, `${this.#program} ends by itself`), 0);
      assert.equal(this.#complaints, '', `${this.#program} has nothing to complain of`);
    } finally {
      await this.kill();
    }
  }

  /** For one that may be in no state to stop. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }

  #call(command: string, argument?: unknown): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const call = ++this.#count;
    const answer = Promise.withResolvers<unknown>();
    this.#asked.set(call, answer);
    this.#process.send({ call, command, argument });
    return within(answer.promise, `${this.#program} answers '${command}'`);
  }

  #settle({ reply, value, error }: Reply): void {
    const asked = this.#asked.get(reply)!;
    this.#asked.delete(reply);
    if (error === undefined) asked.resolve(value);
    else asked.reject(new Error(error));
  }

  #remember(event: ChildEvent): void {
    this.#events.push(event);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** The other end, in the child process: answers calls until it is told to stop, or the parent is gone. */
export function serve(commands: Commands): void {
  const exit = (): void => process.exit();
  const answer = (reply: Reply): Promise<void> =>
    new Promise((resolve) => process.send!(reply, undefined, undefined, () => resolve()));
  process.on(
    'message',
    async ({ call, command, argument }: { call: number; command: string; argument: never }) => {
      try {
        await answer({ reply: call, value: await commands[command]!(argument) });
      } catch (error) {
        await answer({ reply: call, error: String(error) });
      }
      if (command !== 'stop') return;
      // From here on only what was left behind keeps this process alive.
      process.off('disconnect', exit);
      process.disconnect();
    },
  );
  process.once('disconnect', exit);
}

export function tell(event: ChildEvent): void {
  process.send!(event);
}
