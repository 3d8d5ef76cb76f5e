import { isDeepStrictEqual } from 'node:util';
import { Node, type NodeConnection } from '../../../../src/index.ts';
import { SecureNode } from '../../../../src/secure/index.ts';
import { serve } from './child.ts';
import { waitedMs, waitsOf } from './kernel.ts';

/** Milliseconds between two questions, whatever is still unanswered. */
const paceMs = 10;

/** No more is asked while so many questions wait for their answer: those show already how long it takes. */
const maxWaiting = 100;

export interface Address {
  readonly host: string;
  readonly port: number;
}

interface Cast {
  readonly victim: Address & { readonly pid: number };
  /** A node that nobody attacks. */
  readonly control: Address;
}

/** What an honest peer saw of the node under attack since it was asked before. */
export interface Observation {
  readonly answers: number;
  /** How much longer 99 % of the answers took than the machine does; where there are few of them, all but one. */
  readonly p99Ms: number;
  /** How much longer all of them took. */
  readonly longestMs: number;
  readonly failures: readonly string[];
}

const { secure = false } = JSON.parse(process.argv[2] ?? '{}') as { readonly secure?: boolean };
const Base: typeof Node = secure ? SecureNode : Node;

/**
 * A node that asks two others at the same moments, the one under attack and an idle one, and takes note of how
 * much longer the first takes: what the machine costs, and this process, they have in common. The time that the
 * first only waits for a processor is not counted either, as the kernel tells it; a node that computes for long, or
 * stands still, does not wait for one.
 */
class HonestPeer extends Base {
  #seen = { longerMs: [] as number[], failures: [] as string[] };
  readonly #waiting = new Set<Promise<void>>();
  #ask = async (): Promise<void> => {};
  #pace: NodeJS.Timeout | undefined;
  #started: Promise<void> | undefined;
  #count = 0;

  override outboundNodeDisconnected(peer: NodeConnection): void {
    this.#seen.failures.push(`disconnected: ${peer.closeReason?.message}`);
  }

  async begin({ victim, control }: Cast): Promise<void> {
    this.#started ??= this.start();
    await this.#started;
    const attacked = await this.connectWithNode(victim.host, victim.port);
    const idle = await this.connectWithNode(control.host, control.port);
    this.#ask = () => this.#askBoth({ attacked, idle, pid: victim.pid });
    this.#pace = setInterval(() => {
      if (this.#waiting.size < maxWaiting) void this.#ask();
    }, paceMs);
  }

  /** Waits for the answer to a question of now, and to all before. */
  async observe(): Promise<Observation> {
    void this.#ask();
    await Promise.all(this.#waiting);
    const { longerMs, failures } = this.#seen;
    this.#seen = { longerMs: [], failures: [] };
    longerMs.sort((one, other) => one - other);
    const late = Math.max(1, Math.floor(longerMs.length / 100));
    const longestMs = longerMs.at(-1) ?? Number.POSITIVE_INFINITY;
    return {
      answers: longerMs.length,
      p99Ms: longerMs.at(-1 - late) ?? longestMs,
      longestMs,
      failures,
    };
  }

  /** Leaves the two others, to be shown another victim. */
  async leave(): Promise<void> {
    clearInterval(this.#pace);
    await Promise.all(this.#waiting);
    await Promise.all(this.allNodes.map((peer) => peer.stop()));
    this.#seen = { longerMs: [], failures: [] };
  }

  #askBoth({ attacked, idle, pid }: { attacked: NodeConnection; idle: NodeConnection; pid: number }) {
    const question = { count: this.#count++, text: 'still there?' };
    const before = waitsOf(pid);
    const attackedMs = answerMs(attacked, question).then((ms) => ms - waitedMs(pid, before));
    const asked = Promise.all([attackedMs, answerMs(idle, question)]).then(
      ([victim, control]) => void this.#seen.longerMs.push(victim - control),
      (error: Error) => void this.#seen.failures.push(error.message),
    );
    this.#waiting.add(asked);
    return asked.finally(() => this.#waiting.delete(asked));
  }
}

async function answerMs(peer: NodeConnection, question: { count: number; text: string }): Promise<number> {
  const askedAt = performance.now();
  const answer = await peer.request(question);
  if (!isDeepStrictEqual(answer, question)) throw new Error('a wrong answer');
  return performance.now() - askedAt;
}

const node = new HonestPeer('127.0.0.1', 0);
const commands = {
  begin: (cast: Cast) => node.begin(cast),
  observe: () => node.observe(),
  leave: () => node.leave(),
  stop: () => node.stop(),
};
export type HonestPeerCommands = typeof commands;

if (process.send !== undefined) serve(commands);
