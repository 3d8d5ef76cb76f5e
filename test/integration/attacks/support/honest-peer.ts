import { isDeepStrictEqual } from 'node:util';
import { Node, type NodeConnection } from '../../../../src/index.ts';
import { serve } from './child.ts';

/** Milliseconds between an answer and the next request. */
const paceMs = 10;

/** What an honest peer saw of the node under attack since it was asked before. */
export interface Observation {
  readonly answers: number;
  readonly slowestMs: number;
  readonly failures: readonly string[];
}

/** A node that asks another one all the time and takes note of how it is answered. */
class HonestPeer extends Node {
  #seen = { answers: 0, slowestMs: 0, failures: [] as string[] };
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
    const seen = this.#seen;
    this.#seen = { answers: 0, slowestMs: 0, failures: [] };
    return seen;
  }

  async #askFor(victim: NodeConnection): Promise<void> {
    const question = { round: this.#round, text: 'still there?' };
    const askedAt = performance.now();
    try {
      const answer = await victim.request(question);
      if (!isDeepStrictEqual(answer, question)) this.#seen.failures.push('a wrong answer');
      this.#seen.answers += 1;
    } catch (error) {
      this.#seen.failures.push((error as Error).message);
    }
    this.#seen.slowestMs = Math.max(this.#seen.slowestMs, performance.now() - askedAt);
    this.#round += 1;
    this.#roundEnded.resolve();
    this.#roundEnded = Promise.withResolvers<void>();
    setTimeout(() => void this.#askFor(victim), paceMs);
  }
}

const node = new HonestPeer('127.0.0.1', 0);
const commands = {
  begin: (port: number) => node.begin(port),
  observe: () => node.observe(),
};
export type HonestPeerCommands = typeof commands;

if (process.send !== undefined) serve(commands);
