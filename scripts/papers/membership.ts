import { bootstrap } from '../../src/index.ts';
import { Simulation } from '../../src/simulator/index.ts';
import { SeededChance } from '../../src/simulator/seeded-chance.ts';
import {
  clusteringOf,
  componentsOf,
  degreesOf,
  type Graph,
  pathLengthsOf,
} from '../../src/simulator/watch/graph.ts';
import { Hearer, type PaperNetwork } from './network.ts';

/** One round of shuffles. */
const cycleMs = 10_000;

/** Nodes that join one by one, each through one that was there before, and then run for some cycles. */
export async function joinedNetwork(count: number, seed: number, cycles: number): Promise<PaperNetwork> {
  const world = new Simulation({ seed, latencyMs: { from: 10, to: 100 }, mode: 'fast' });
  const chance = new SeededChance(seed).stream('experiment', 'acts');
  const nodes: Hearer[] = [];
  for (let made = 0; made < count; made++) {
    const via = nodes[Math.floor(chance.random() * made)];
    const discovery = via === undefined ? [] : [bootstrap([`${via.host}:${via.port}`])];
    nodes.push(
      ...world.spawn(1, ({ host, port, options }) => {
        return new Hearer(host, port, { ...options, neighbourhood: 'automatic', discovery });
      }),
    );
    await world.run(50);
  }
  await world.run(cycles * cycleMs);
  return { world, nodes, chance };
}

/** The nodes that run, and which of them hold each other for neighbours. */
export function neighboursIn({ world, nodes }: PaperNetwork): Graph {
  const running = nodes.filter((node) => world.isRunning(node));
  const numbers = new Map(running.map((node) => [node.id, world.indexOf(node)!]));
  const graph = new Map(
    running.map(({ id, neighbourhood }) => {
      const known = neighbourhood.active.filter((peer) => numbers.has(peer.id));
      return [numbers.get(id)!, new Set(known.map((peer) => numbers.get(peer.id)!))];
    }),
  );
  for (const [one, neighbours] of graph) {
    for (const other of neighbours) if (!graph.get(other)!.has(one)) neighbours.delete(other);
  }
  return graph;
}

/** The shape of a network after 50 cycles. */
export async function shape(count: number, seed: number): Promise<string> {
  const graph = neighboursIn(await joinedNetwork(count, seed, 50));
  const { mean, histogram } = degreesOf(graph);
  const full = (100 * (histogram[5] ?? 0)) / count;
  const paths = pathLengthsOf(graph, 64);
  return `${full.toFixed(1)} % have 5 neighbours (mean ${mean.toFixed(2)}), clustering ${clusteringOf(graph).toFixed(4)}, paths ${paths.mean.toFixed(2)}`;
}

/** What is left of a network after many nodes have crashed at once. */
export interface CrashResult {
  /** The share of the running nodes that 100 broadcasts reached, which began right after the crash. */
  readonly reliability: number;
  /** The same for 10 broadcasts a minute later. */
  readonly afterMinute: number;
  /** Cycles until every running node reaches every other one; `undefined`: more than 20. */
  readonly cyclesToHeal: number | undefined;
}

export async function crashed(count: number, share: number, seed: number): Promise<CrashResult> {
  const network = await joinedNetwork(count, seed, 10);
  const { world, nodes, chance } = network;
  world.crash(share);
  const running = nodes.filter((node) => world.isRunning(node));
  const reached = async (broadcasts: number): Promise<number> => {
    const before = world.metrics.broadcasts;
    let sent = 0;
    for (let number = 0; number < broadcasts; number++) {
      const sender = running[Math.floor(chance.random() * running.length)]!;
      sent += 1;
      // Without any neighbour left, it cannot be sent, and reaches nobody.
      if (sender.allNodes.length > 0) sender.broadcast(`${number} ${world.now}`);
      await world.run(50);
    }
    await world.run(4_000);
    return (world.metrics.broadcasts.received - before.received) / (sent * (running.length - 1));
  };
  const reliability = await reached(100);
  let cyclesToHeal: number | undefined;
  for (let cycle = 1; cycle <= 20 && cyclesToHeal === undefined; cycle++) {
    if (componentsOf(neighboursIn(network)).length === 1) cyclesToHeal = cycle;
    else await world.run(cycleMs);
  }
  await world.run(60_000);
  return { reliability, afterMinute: await reached(10), cyclesToHeal };
}
