import { isDeepStrictEqual } from 'node:util';
import { Node, type NodeConnection } from '../../../../src/index.ts';
import { serve } from './child.ts';

/** Milliseconds between an answer and the next request. */
const paceMs = 10;

/** What an honest peer saw of the node under attack since it was asked before. */
export interface Observation {
  readonly answers: number;
  /** The time within which 99 % of the answers came; where there are few of them, all but one. */
  readonly p99Ms: number;
  /** The most that this process woke up late: nothing that the other node has to answer for. */
  readonly latestMs: number;
  readonly failures: readonly string[];
}

/** A node that asks another one all the time and takes note of how it is answered. */
class HonestPeer extends Node {
  #seen = { answerMs: [] as number[], latestMs: 0, failures: [] as string[] };
  #round = 0;
  #roundEnded = Promise.withResolvers<void>();

  override outboundNodeDisconnected(peer: NodeConnection): void {
    this.#seen.failures.push(`disconnected: ${peer.closeReason?.message}`);
  }

  async begin(port: number): Promise<void> {
    await this.start();
    const victim = await this.connectWithNode('127.0.0.1', port);
    void this.#askFor(victim);
  }

  /** Waits for the end of a round that begins after this call. */
  async observe(): Promise<Observation> {
    const current = this.#round;
    while (this.#round < current + 2) await this.#roundEnded.promise;
    const { answerMs, latestMs, failures } = this.#seen;
    this.#seen = { answerMs: [], latestMs: 0, failures: [] };
    answerMs.sort((one, other) => one - other);
    const late = Math.max(1, Math.floor(answerMs.length / 100));
    const p99Ms = answerMs.at(-1 - late) ?? answerMs[0] ?? Number.POSITIVE_INFINITY;
    return { answers: answerMs.length, p99Ms, latestMs, failures };
  }

  async #askFor(victim: NodeConnection): Promise<void> {
    const question = { round: this.#round, text: 'still there?' };
    const askedAt = performance.now();
    try {
      const answer = await victim.request(question);
      if (!isDeepStrictEqual(answer, question)) this.#seen.failures.push('a wrong answer');
      this.#seen.answerMs.push(performance.now() - askedAt);
    } catch (error) {
      this.#seen.failures.push((error as Error).message);
    }
    this.#round += 1;
    this.#roundEnded.resolve();
    this.#roundEnded = Promise.withResolvers<void>();
    const dueAt = performance.now() + paceMs;
    setTimeout(() => {
      this.#seen.latestMs = Math.max(this.#seen.latestMs, performance.now() - dueAt);
      void this.#askFor(victim);
    }, paceMs);
  }
}

const node = new HonestPeer('127.0.0.1', 0);
const commands = {
  begin: (port: number) => node.begin(port),
  observe: () => node.observe(),
};
export type HonestPeerCommands = typeof commands;

if (process.send !== undefined) serve(commands);
