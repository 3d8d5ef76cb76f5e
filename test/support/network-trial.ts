import { setTimeout as delay } from 'node:timers/promises';
import type { NetworkParts, PartState, Spread } from './network-parts.ts';

/** Nobody waits longer for a broadcast: a neighbour that died in silence shows after 10 s, and is then replaced. */
const withinMs = 60_000;

export interface TrialOptions {
  readonly processes: number;
  readonly nodesInEach: number;
  /** How often a process is killed. Another one takes its place. */
  readonly kills: number;
  /** How many broadcasts are made in the new network, and right after each kill. */
  readonly broadcasts: number;
}

export interface TrialResult {
  /** Milliseconds from the first node's start until a broadcast reaches all nodes. */
  readonly formedMs: number;
  /** Broadcasts in the new network, as soon as all nodes have started, and right after each kill. */
  readonly spreads: readonly Spread[];
  /** How many other nodes there were for each of these. */
  readonly others: readonly number[];
  readonly states: readonly PartState[];
}

/**
 * Nodes in several processes find each other, and a process is killed again and again. Broadcasts begin as soon as the
 * last node has started, and right after each kill, when the network is not whole yet.
 */
export async function networkTrial(
  network: NetworkParts,
  { processes, nodesInEach, kills, broadcasts }: TrialOptions,
): Promise<TrialResult> {
  const startedAt = Date.now();
  await network.start(processes, nodesInEach);
  const spreads = [await network.broadcast(broadcasts, withinMs)];
  const others = [network.nodes - 1];
  const formedMs = Date.now() - startedAt;
  for (let killed = 0; killed < kills; killed++) {
    await network.kill('first');
    spreads.push(await network.broadcast(broadcasts, withinMs));
    others.push(network.nodes - 1);
    await network.add(nodesInEach);
    await network.whole(withinMs);
  }
  return { formedMs, spreads, others, states: await network.states() };
}

/** Bytes that a node sends in an hour when nobody broadcasts, from so many seconds. */
export async function idleBytesAnHour(network: NetworkParts, seconds: number): Promise<number> {
  const sent = async (): Promise<number> =>
    (await network.states()).reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  const before = await sent();
  await delay(1_000 * seconds);
  return ((((await sent()) - before) / network.nodes) * 3_600) / seconds;
}
