import type { BroadcastTotals } from '../../src/simulator/index.ts';
import { randomNetwork } from './network.ts';

/** What some broadcasts cost, and how far they went. */
export interface Cost {
  /** The share of the other nodes that received each. */
  readonly deliveryRatio: number;
  /** Further copies of the content for each first one. */
  readonly redundancy: number;
  /** Links to the node that was reached last: the mean over the broadcasts. */
  readonly lastHop: number;
}

/** How long a broadcast may take. */
const spreadMs = 10_000;

function between(before: BroadcastTotals, after: BroadcastTotals, others: number): Cost {
  const sent = after.sent - before.sent;
  const received = after.received - before.received;
  const copies = after.redundancy * after.received - before.redundancy * before.received;
  return {
    deliveryRatio: received / (sent * others),
    redundancy: copies / received,
    lastHop: (after.lastHop * after.sent - before.lastHop * before.sent) / sent,
  };
}

/**
 * Broadcasts of one node over a network that has never carried any. The first goes over all links, as flooding does, and
 * makes the tree; the others follow it.
 */
export async function floodAndTree(count: number, seed: number): Promise<{ flood: Cost; tree: Cost }> {
  const { world, nodes } = await randomNetwork(count, { seed });
  const start = world.metrics.broadcasts;
  nodes[0]!.broadcast('first');
  await world.run(spreadMs);
  const first = world.metrics.broadcasts;
  for (let round = 0; round < 20; round++) {
    nodes[0]!.broadcast(`round ${round}`);
    await world.run(spreadMs);
  }
  const last = world.metrics.broadcasts;
  return { flood: between(start, first, count - 1), tree: between(first, last, count - 1) };
}

/** Who sends. */
export type Senders = 'one' | 'many' | 'all at once';

/** The bars of iroh-gossip's own simulation for 100 peers. */
export const irohBars: Readonly<Record<Senders, { redundancy: number; lastHop: number }>> = {
  one: { redundancy: 0.2, lastHop: 15 },
  many: { redundancy: 1, lastHop: 18 },
  'all at once': { redundancy: 3, lastHop: 30 },
};

/** 30 rounds of broadcasts, the first included. All at once: at most 100 nodes send in each round. */
export async function sendersCost(count: number, senders: Senders, seed: number): Promise<Cost> {
  const { world, nodes, chance } = await randomNetwork(count, { seed });
  const start = world.metrics.broadcasts;
  const rounds = senders === 'all at once' ? 3 : 30;
  for (let round = 0; round < rounds; round++) {
    if (senders === 'one') nodes[0]!.broadcast(`${round}`);
    else if (senders === 'many') nodes[Math.floor(chance.random() * count)]!.broadcast(`${round}`);
    else for (const [at, node] of nodes.slice(0, 100).entries()) node.broadcast(`${round} ${at}`);
    await world.run(spreadMs);
  }
  return between(start, world.metrics.broadcasts, count - 1);
}

/** What fly.io's challenge 3e measures. */
export interface ChallengeResult {
  /** What links carried, for each broadcast: frames that leave in one turn go together. */
  readonly messagesPerBroadcast: number;
  /** Milliseconds from a broadcast to its arrival at the last node. */
  readonly medianMs: number;
  readonly maxMs: number;
  /** Of the last fifth of the broadcasts. */
  readonly lateRedundancy: number;
}

/** Fly.io's broadcast challenge 3e: 25 nodes, links of 100 ms, 50 broadcasts a second at random nodes. */
export async function challenge3e(seed: number, broadcasts = 1_000): Promise<ChallengeResult> {
  const { world, nodes, chance } = await randomNetwork(25, { seed, latencyMs: 100 });
  let late = world.metrics.broadcasts;
  const before = world.metrics.transmissions;
  const sentAt = new Map<string, number>();
  for (let count = 0; count < broadcasts; count++) {
    if (count === Math.floor(0.8 * broadcasts)) late = world.metrics.broadcasts;
    const text = `${count}`;
    sentAt.set(text, world.now);
    const sender = nodes[Math.floor(chance.random() * nodes.length)]!;
    sender.heard.set(text, world.now);
    sender.broadcast(text);
    await world.run(20);
  }
  await world.run(spreadMs);
  const messages = world.metrics.transmissions - before;
  const times = [...sentAt].map(([text, at]) => {
    return Math.max(...nodes.map(({ heard }) => (heard.get(text) ?? Number.POSITIVE_INFINITY) - at));
  });
  times.sort((one, other) => one - other);
  return {
    messagesPerBroadcast: messages / sentAt.size,
    medianMs: times[times.length >> 1]!,
    maxMs: times.at(-1)!,
    lateRedundancy: between(late, world.metrics.broadcasts, 24).redundancy,
  };
}
