import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export type PartOrder =
  | {
      readonly do: 'start';
      readonly count: number;
      readonly seeds: readonly string[];
      readonly periodMs: number | undefined;
    }
  | { readonly do: 'broadcast'; readonly at: number; readonly text: string }
  | { readonly do: 'heard'; readonly texts: readonly string[] }
  | { readonly do: 'state' };

/** What the nodes of a process are like at a moment. */
export interface PartState {
  /** How many neighbours each has. */
  readonly neighbours: readonly number[];
  readonly connections: number;
  /** Bytes that they have sent since they started, as the nodes count them: without TLS and TCP. */
  readonly sentBytes: number;
  /** Broadcasts that a node has received twice. */
  readonly repeated: number;
  /** Memory of the process. */
  readonly rssBytes: number;
  /** Time that the process has computed. */
  readonly cpuMs: number;
}

/** What a process answers: its addresses, nothing, how many of its nodes heard each text, or its state. */
export interface PartAnswers {
  readonly start: readonly string[];
  readonly broadcast: null;
  readonly heard: readonly number[];
  readonly state: PartState;
}

const program = fileURLToPath(new URL('./programs/network-part.ts', import.meta.url));

interface Part {
  readonly child: ChildProcess;
  readonly nodes: number;
  /** The address of one of its nodes. */
  seed: string | undefined;
}

/** What became of some broadcasts. */
export interface Spread {
  /** How many of the other nodes received each. */
  readonly heard: readonly number[];
  /** Milliseconds until the last of them did, or until nobody waited any longer. */
  readonly tookMs: number;
}

/** A network of nodes over TLS on loopback, in several processes, each of which can be killed. */
export class NetworkParts {
  readonly #parts: Part[] = [];
  readonly #periodMs: number | undefined;
  #sent = 0;

  /** @param periodMs between two exchanges of known nodes. Default: that of all nodes. */
  constructor(periodMs?: number) {
    this.#periodMs = periodMs;
  }

  get nodes(): number {
    return this.#parts.reduce((sum, { nodes }) => sum + nodes, 0);
  }

  /** Starts so many processes of so many nodes. All nodes know one address: that of the very first. */
  async start(processes: number, nodesInEach: number): Promise<void> {
    for (let at = 0; at < processes; at++) this.#fork(nodesInEach);
    const [first, ...others] = this.#parts;
    await this.#begin(first!, 1, []);
    const seeds = [first!.seed!];
    await Promise.all([
      this.#begin(first!, nodesInEach - 1, seeds),
      ...others.map((part) => this.#begin(part, nodesInEach, seeds)),
    ]);
  }

  /** Starts another process, whose nodes know one address in each of the other ones. */
  async add(nodesInEach: number): Promise<void> {
    const seeds = this.#parts.map(({ seed }) => seed!);
    await this.#begin(this.#fork(nodesInEach), nodesInEach, seeds);
  }

  /** Resolves when a broadcast reaches all nodes. @throws Error if that takes too long. */
  async whole(withinMs: number): Promise<void> {
    const endsAt = Date.now() + withinMs;
    while ((await this.broadcast(1, 1_000)).heard[0] !== this.nodes - 1) {
      if (Date.now() > endsAt) throw new Error(`the nodes are no whole network after ${withinMs} ms`);
    }
  }

  /** Broadcasts from a node of each process in turn, and waits until all others have received all of it. */
  async broadcast(count: number, withinMs: number): Promise<Spread> {
    const startedAt = Date.now();
    const texts: string[] = [];
    for (let made = 0; made < count; made++) {
      const part = this.#parts[made % this.#parts.length]!;
      const text = `${this.#sent++}`;
      texts.push(text);
      await ask(part, { do: 'broadcast', at: (made * 7) % part.nodes, text });
    }
    for (;;) {
      const heard = await this.#heard(texts);
      const tookMs = Date.now() - startedAt;
      if (heard.every((nodes) => nodes === this.nodes - 1) || tookMs > withinMs) return { heard, tookMs };
      await delay(50);
    }
  }

  async states(): Promise<readonly PartState[]> {
    return Promise.all(this.#parts.map((part) => ask(part, { do: 'state' })));
  }

  /** Kills the process that was started first, or last, without a word to the others. */
  async kill(which: 'first' | 'last' = 'last'): Promise<void> {
    const { child } = (which === 'first' ? this.#parts.shift() : this.#parts.pop())!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async stop(): Promise<void> {
    while (this.#parts.length > 0) await this.kill();
  }

  #fork(nodes: number): Part {
    const part = { child: fork(program), nodes, seed: undefined };
    this.#parts.push(part);
    return part;
  }

  async #begin(part: Part, count: number, seeds: readonly string[]): Promise<void> {
    const addresses = await ask(part, { do: 'start', count, seeds, periodMs: this.#periodMs });
    part.seed ??= addresses[0];
  }

  async #heard(texts: readonly string[]): Promise<readonly number[]> {
    const counts = await Promise.all(this.#parts.map((part) => ask(part, { do: 'heard', texts })));
    return texts.map((_, at) => counts.reduce((sum, each) => sum + each[at]!, 0));
  }
}

/** One order at a time for each process. @throws Error if it ends, or has ended. */
function ask<Do extends PartOrder['do']>(
  { child }: Part,
  order: Extract<PartOrder, { do: Do }>,
): Promise<PartAnswers[Do]> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('a process of the network has ended'));
    if (child.exitCode !== null || child.signalCode !== null) return ended();
    child.once('exit', ended);
    child.once('message', (answer: PartAnswers[Do]) => {
      child.off('exit', ended);
      resolve(answer);
    });
    child.send(order);
  });
}
