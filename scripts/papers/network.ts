import { Node } from '../../src/index.ts';
import { Simulation, type SimulationOptions } from '../../src/simulator/index.ts';
import { type ChanceStream, SeededChance } from '../../src/simulator/seeded-chance.ts';

/** Remembers when it received each broadcast, by its text. */
export class Hearer extends Node {
  readonly heard = new Map<string, number>();
  clock: () => number = () => 0;

  override nodeBroadcast(_origin: string, data: unknown): void {
    this.heard.set(data as string, this.clock());
  }
}

/** A simulated network, and chance for the experiment. */
export interface PaperNetwork {
  readonly world: Simulation;
  readonly nodes: Hearer[];
  readonly chance: ChanceStream;
}

/** Connections of each node, as in the papers: HyParView's active view. */
const degree = 5;

/** Nodes that are connected at random, nearly all of them with five others: the graph that HyParView aims at. */
export async function randomNetwork(count: number, options: SimulationOptions): Promise<PaperNetwork> {
  const world = new Simulation({ latencyMs: { from: 10, to: 100 }, mode: 'fast', ...options });
  const nodes = world.spawn(count, Hearer);
  for (const node of nodes) node.clock = () => world.now;
  const chance = new SeededChance(world.seed).stream('experiment', 'acts');
  await world.run(1);
  const ends = shuffled(
    nodes.flatMap((node) => Array.from({ length: degree }, () => node)),
    chance,
  );
  const dialled = new Set<string>();
  const dials: Promise<unknown>[] = [];
  for (let at = 0; at + 1 < ends.length; at += 2) {
    const [one, other] = [ends[at]!, ends[at + 1]!];
    const pair = [one.id, other.id].sort().join();
    if (one === other || dialled.has(pair)) continue;
    dialled.add(pair);
    dials.push(one.connectWithNode(other.host, other.port));
  }
  await world.settle(Promise.all(dials));
  await world.run({ seconds: 1 });
  return { world, nodes, chance };
}

/** Fisher and Yates. */
function shuffled<Item>(items: Item[], chance: ChanceStream): Item[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(chance.random() * (last + 1));
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
  return items;
}
