import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Fixture } from './fixture.ts';
import type { TalkingCommand, TalkingEvent, TalkingOptions } from './programs/talking-node.ts';
import { within } from './turns.ts';

type EventOf<Name extends TalkingEvent['name']> = TalkingEvent & { readonly name: Name };

const program = fileURLToPath(new URL('programs/talking-node.ts', import.meta.url));

/** A process with a node that talks (programs/talking-node.ts). */
export class TalkingProcess {
  readonly #child: ChildProcess;
  readonly #events: TalkingEvent[] = [];
  #failure: Error | undefined;
  #wake = Promise.withResolvers<void>();

  private constructor(prefix: readonly string[], options: TalkingOptions) {
    const [command, ...args] = [...prefix, process.execPath, program, JSON.stringify(options)];
    this.#child = spawn(command!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (event: TalkingEvent) => {
      this.#events.push(event);
      if (event.name === 'failed') this.#failure ??= new Error(event.message);
      this.#changed();
    });
    this.#child.on('exit', (code, signal) => {
      this.#failure ??= new Error(`a talking process ended with ${code ?? signal}`);
      this.#changed();
    });
  }

  /** Starts one, under a command such as `ip netns exec name` where there is a prefix, until the test ends. */
  static async start(
    t: TestContext,
    options: TalkingOptions,
    prefix: readonly string[] = [],
  ): Promise<TalkingProcess> {
    const talking = new TalkingProcess(prefix, options);
    const exited = once(talking.#child, 'exit');
    Fixture.of(t).defer(async () => {
      talking.#child.kill('SIGKILL');
      await exited;
    });
    await talking.event('listening');
    return talking;
  }

  get port(): number {
    return this.#of('listening')[0]!.port;
  }

  count(name: TalkingEvent['name']): number {
    return this.#of(name).length;
  }

  tell(command: TalkingCommand): void {
    this.#child.send(command);
  }

  /** The n-th event of a name, counted from 1, whether it has come already or not. */
  event<Name extends TalkingEvent['name']>(name: Name, nth = 1, timeoutMs?: number): Promise<EventOf<Name>> {
    return within(this.#event(name, nth), () => `${nth} × ${name}; there were ${this.#story()}`, timeoutMs);
  }

  /** The next event of a name. */
  next<Name extends TalkingEvent['name']>(name: Name, timeoutMs?: number): Promise<EventOf<Name>> {
    return this.event(name, this.count(name) + 1, timeoutMs);
  }

  async #event<Name extends TalkingEvent['name']>(name: Name, nth: number): Promise<EventOf<Name>> {
    for (;;) {
      const event = this.#of(name)[nth - 1];
      if (event !== undefined) return event;
      if (this.#failure !== undefined) throw this.#failure;
      await this.#wake.promise;
    }
  }

  #of<Name extends TalkingEvent['name']>(name: Name): EventOf<Name>[] {
    return this.#events.filter((event): event is EventOf<Name> => event.name === name);
  }

  #story(): string {
    return this.#events.map(({ name }) => name).join(', ') || 'none';
  }

  #changed(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
