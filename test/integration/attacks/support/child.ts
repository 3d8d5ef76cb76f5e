import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { within } from '../../../support/turns.ts';

/** Something that a child process tells on its own. */
export interface ChildEvent {
  readonly name: string;
  /** The node that it is about. */
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

type Reply = { readonly reply: number; readonly value?: unknown; readonly error?: string };

/** Longer than anything takes that works at all, on a machine that has much else to do. */
const patienceMs = 60_000;

/** A program of this folder in a process of its own: it is asked by name, and its events are waited for. */
export class Child<Commands extends Record<string, (argument: never) => unknown>> {
  readonly #process: ChildProcess;
  readonly #program: string;
  readonly #exited: Promise<unknown>;
  #failure: Error | undefined;
  readonly #asked = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #events: ChildEvent[] = [];
  #wake = Promise.withResolvers<void>();
  #count = 0;

  /** @param prefix A command to run it under, such as `ip netns exec name`. */
  constructor(program: string, options: unknown, prefix: readonly string[] = []) {
    this.#program = program;
    const file = fileURLToPath(new URL(program, import.meta.url));
    const words = [...prefix, process.execPath, '--expose-gc', file, JSON.stringify(options)];
    this.#process = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#exited = once(this.#process, 'exit').then(([code, signal]) => {
      this.#failure = new Error(`${program} ended with ${code ?? signal}`);
      for (const { reject } of this.#asked.values()) reject(this.#failure);
      this.#wake.resolve();
    });
    this.#process.on('message', (message: Reply | ChildEvent) => {
      if ('reply' in message) this.#settle(message);
      else this.#remember(message);
    });
  }

  async call<Name extends keyof Commands & string>(
    command: Name,
    ...[argument]: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    if (this.#failure !== undefined) throw this.#failure;
    const call = ++this.#count;
    const answer = Promise.withResolvers<unknown>();
    this.#asked.set(call, answer);
    this.#process.send({ call, command, argument });
    const value = await within(answer.promise, `${this.#program} answers '${command}'`, patienceMs);
    return value as Awaited<ReturnType<Commands[Name]>>;
  }

  /** The next event of that name about that node, whether it has come already or not. */
  async event(name: string, id: string): Promise<ChildEvent> {
    for (;;) {
      const index = this.#events.findIndex((event) => event.name === name && event.id === id);
      if (index >= 0) return this.#events.splice(index, 1)[0]!;
      if (this.#failure !== undefined) throw this.#failure;
      await within(this.#wake.promise, `${this.#program} tells '${name}' of ${id}`, patienceMs);
    }
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGKILL'); // a victim that hangs would not hear anything milder
    await this.#exited;
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

/** The other end, in the child process: answers calls until the parent lets go of it. */
export function serve(commands: Record<string, (argument: never) => unknown>): void {
  process.on(
    'message',
    async ({ call, command, argument }: { call: number; command: string; argument: never }) => {
      try {
        process.send!({ reply: call, value: await commands[command]!(argument) });
      } catch (error) {
        process.send!({ reply: call, error: String(error) });
      }
    },
  );
  process.once('disconnect', () => process.exit());
}

export function tell(event: ChildEvent): void {
  process.send!(event);
}
