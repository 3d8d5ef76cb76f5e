import assert from 'node:assert/strict';
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
  readonly #ended: Promise<number | string>;
  readonly #events: TalkingEvent[] = [];
  /** What it wrote to its standard error: nothing, unless something went wrong. */
  #complaints = '';
  #failure: Error | undefined;
  #wake = Promise.withResolvers<void>();

  private constructor(prefix: readonly string[], options: TalkingOptions) {
    // Older Node.js warns of the types that it strips.
    const node = [process.execPath, '--disable-warning=ExperimentalWarning'];
    const [command, ...args] = [...prefix, ...node, program, JSON.stringify(options)];
    this.#child = spawn(command!, args, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text;
      process.stderr.write(text);
    });
    this.#child.on('message', (event: TalkingEvent) => {
      this.#events.push(event);
      if (event.name === 'failed') this.#failure ??= new Error(event.message);
      this.#changed();
    });
    this.#ended = once(this.#child, 'close').then(([code, signal]) => {
      this.#failure ??= new Error(`a talking process ended with ${code ?? signal}`);
      this.#changed();
      return code ?? signal;
    });
  }

  /**
   * Starts one, under a command such as `ip netns exec name` where there is a prefix. When the test ends its node is
   * stopped; its process must end by itself then, and have complained of nothing.
   */
  static async start(
    t: TestContext,
    options: TalkingOptions,
    prefix: readonly string[] = [],
  ): Promise<TalkingProcess> {
    const talking = new TalkingProcess(prefix, options);
    Fixture.of(t).defer(() => talking.#stop());
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
  next<Name extends TalkingEvent['name']>(name: Name): Promise<EventOf<Name>> {
    return this.event(name, this.count(name) + 1);
  }

  async #stop(): Promise<void> {
    try {
      if (this.#child.connected) this.tell({ name: 'stop' });
      assert.equal(await within(this.#ended, 'a talking process ends by itself'), 0);
      assert.equal(this.#complaints, '', 'a talking process has nothing to complain of');
    } finally {
      this.#child.kill('SIGKILL');
      await this.#ended;
    }
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
