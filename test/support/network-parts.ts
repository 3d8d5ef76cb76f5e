import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export type PartOrder =
  | {
      readonly do: 'start';
      readonly count: number;
      readonly seeds: readonly string[];
      readonly periodMs: number;
    }
  | { readonly do: 'broadcast'; readonly at: number; readonly text: string }
  | { readonly do: 'heard'; readonly texts: readonly string[] };

export type PartAnswer = readonly string[] | null | readonly number[];

const program = fileURLToPath(new URL('./programs/network-part.ts', import.meta.url));

interface Part {
  readonly child: ChildProcess;
  readonly nodes: number;
}

/** A network of nodes over TLS on loopback, in several processes, each of which can be killed. */
export class NetworkParts {
  readonly #parts: Part[] = [];
  readonly #periodMs: number;
  #sent = 0;

  /** @param periodMs between two exchanges of known nodes. */
  constructor(periodMs = 10_000) {
    this.#periodMs = periodMs;
  }

  get nodes(): number {
    return this.#parts.reduce((sum, { nodes }) => sum + nodes, 0);
  }

  /** Starts so many processes of so many nodes. All nodes know one address: that of the very first. */
  async start(processes: number, nodesInEach: number): Promise<void> {
    let seeds: readonly string[] = [];
    for (let at = 0; at < processes; at++) this.#parts.push({ child: fork(program), nodes: nodesInEach });
    const [first, ...others] = this.#parts;
    const begin = (part: Part, count: number): Promise<PartAnswer> =>
      ask(part, { do: 'start', count, seeds, periodMs: this.#periodMs });
    seeds = ((await begin(first!, 1)) as readonly string[]).slice(0, 1);
    await Promise.all([begin(first!, nodesInEach - 1), ...others.map((part) => begin(part, nodesInEach))]);
  }

  /** Resolves when a broadcast reaches all nodes. @throws Error if that takes too long. */
  async whole(withinMs: number): Promise<void> {
    const endsAt = Date.now() + withinMs;
    while ((await this.broadcast(1, 1_000))[0] !== this.nodes - 1) {
      if (Date.now() > endsAt) throw new Error(`the nodes are no whole network after ${withinMs} ms`);
    }
  }

  /** Broadcasts from a node of each process in turn. @returns how many of the others received each. */
  async broadcast(count: number, withinMs: number): Promise<readonly number[]> {
    const texts: string[] = [];
    for (let made = 0; made < count; made++) {
      const part = this.#parts[made % this.#parts.length]!;
      const text = `${this.#sent++}`;
      texts.push(text);
      await ask(part, { do: 'broadcast', at: (made * 7) % part.nodes, text });
    }
    const endsAt = Date.now() + withinMs;
    for (;;) {
      const heard = await this.#heard(texts);
      if (heard.every((nodes) => nodes === this.nodes - 1) || Date.now() > endsAt) return heard;
      await delay(50);
    }
  }

  /** Kills the process that was started last, without a word to the others. */
  async kill(): Promise<void> {
    const { child } = this.#parts.pop()!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async stop(): Promise<void> {
    while (this.#parts.length > 0) await this.kill();
  }

  async #heard(texts: readonly string[]): Promise<readonly number[]> {
    const counts = (await Promise.all(
      this.#parts.map((part) => ask(part, { do: 'heard', texts })),
    )) as readonly (readonly number[])[];
    return texts.map((_, at) => counts.reduce((sum, each) => sum + each[at]!, 0));
  }
}

/** One order at a time for each process. @throws Error if it ends, or has ended. */
function ask({ child }: Part, order: PartOrder): Promise<PartAnswer> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('a process of the network has ended'));
    if (child.exitCode !== null || child.signalCode !== null) return ended();
    child.once('exit', ended);
    child.once('message', (answer: PartAnswer) => {
      child.off('exit', ended);
      resolve(answer);
    });
    child.send(order);
  });
}
