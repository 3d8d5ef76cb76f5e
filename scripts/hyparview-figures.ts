// Prints the figures of docs/overlay.md: what HyParView alone does, without links.
//
//   node scripts/hyparview-figures.ts 10000 1    so many nodes, and a seed
//   node scripts/hyparview-figures.ts crashes    so many per cent of 10,000 nodes crash at once; 100 floods before any shuffle
//   node scripts/hyparview-figures.ts liars      30 % of 300 nodes lie in what they say of others, and pass on no broadcast
import { clusteringOf, componentsOf, degreesOf, pathLengthsOf } from '../src/simulator/watch/graph.ts';
import {
  AbstractNetwork,
  type AbstractNetworkOptions,
  type AbstractNode,
} from '../test/support/abstract-network.ts';

const rounds = 50;
const roundsBetweenVisits = 60;
const [what = '10000', seed = '1'] = process.argv.slice(2);
if (what === 'crashes') for (const percent of [10, 30, 50, 70, 80, 90, 95]) showCrash(percent, Number(seed));
else if (what === 'liars') showAllLiars();
else showNetwork(Number(what), Number(seed));

function networkOf(count: number, options: AbstractNetworkOptions): AbstractNetwork {
  const network = new AbstractNetwork(options);
  network.make();
  for (let made = 1; made < count; made++) {
    network.join(network.make(), network.nodes[Math.floor(made * network.random())]!);
  }
  return network;
}

function showNetwork(count: number, networkSeed: number): void {
  const network = networkOf(count, { seed: networkSeed });
  for (let round = 0; round <= rounds; round++) {
    if (round > 0) network.round();
    if (round % 10 !== 0) continue;
    const { graph } = network;
    const { histogram, mean } = degreesOf(graph);
    const paths = pathLengthsOf(graph, 64);
    console.log(
      `round ${round}: degrees ${histogram.join(' ')} (mean ${mean.toFixed(3)}), clustering ${clusteringOf(graph).toFixed(5)},`,
      `paths ${paths.mean.toFixed(2)} (longest ${paths.max}), parts ${componentsOf(graph).slice(0, 3).join(' ')}`,
    );
  }
}

function showCrash(percent: number, networkSeed: number): void {
  const network = networkOf(10_000, { seed: networkSeed });
  for (let round = 0; round < 10; round++) network.round();
  network.crash(network.nodes.filter(() => network.random() < percent / 100));
  network.noticeLosses();
  const { up } = network;
  const shares = Array.from({ length: 100 }, () => {
    return network.flood(up[Math.floor(up.length * network.random())]!) / up.length;
  });
  const mean = (some: readonly number[]): string =>
    `${((100 * some.reduce((sum, share) => sum + share, 0)) / some.length).toFixed(1)} %`;
  console.log(`${percent} % crashed, ${up.length} left: a flood reaches ${mean(shares)} of them`);
}

interface LiarCase {
  /** Liars accept whoever asks them, and drop nobody. */
  readonly isGreedy: boolean;
  readonly hasAnchors: boolean;
  /** Nodes that the discovery of each node names: it visits each once in ten minutes. */
  readonly named: number;
}

function showAllLiars(): void {
  for (const isGreedy of [false, true]) {
    for (const hasAnchors of [false, true]) {
      for (const named of [1, 3])
        for (const one of [1, 2, 3]) showLiars({ isGreedy, hasAnchors, named }, one);
    }
  }
}

function showLiars({ isGreedy, hasAnchors, named }: LiarCase, networkSeed: number): void {
  const isLiar = (at: number): boolean => at % 10 < 3;
  const liars = Array.from({ length: 300 }, (_, at) => ({ id: `node ${at}` })).filter((_, at) => isLiar(at));
  const network: AbstractNetwork = new AbstractNetwork({
    seed: networkSeed,
    hasAnchors,
    acceptsAll: ({ at }) => isGreedy && isLiar(at),
    tamper: (from, message, random) => {
      if (!isLiar(from.at) || message.kind === 'forwardJoin') return message;
      const contacts = Array.from({ length: 8 }, () => liars[Math.floor(liars.length * random())]!);
      return { ...message, contacts };
    },
  });
  const { nodes, random } = network;
  const earlier = (at: number): AbstractNode => nodes[Math.floor(Math.max(1, at) * random())]!;
  const entries: AbstractNode[][] = [];
  for (let at = 0; at < 300; at++) {
    const node = network.make();
    entries.push(Array.from({ length: named }, () => earlier(at)));
    if (at > 0) network.join(node, entries[at]![0]!);
  }
  const honest = nodes.filter(({ at }) => !isLiar(at));
  const reached: number[] = [];
  for (let round = 1; round <= 120; round++) {
    network.round();
    for (const node of nodes) {
      const entry = entries[node.at]![(node.at + round) % roundsBetweenVisits];
      if (entry !== undefined) network.visit(node, entry);
    }
    if (round > 30) reached.push(largestShare(network.links, honest, isLiar));
  }
  const shareOf = (idsOf: (node: AbstractNode) => readonly string[]): string => {
    const ids = honest.flatMap(idsOf);
    const lying = ids.filter((id) => isLiar(network.byId.get(id)!.at)).length;
    return `${((100 * lying) / ids.length).toFixed(0)} %`;
  };
  const mean = reached.reduce((sum, share) => sum + share, 0) / reached.length;
  console.log(
    `${isGreedy ? 'greedy ' : ''}liars, ${named} named, ${hasAnchors ? 'anchors' : 'no anchors'}, seed ${networkSeed}: liars are`,
    `${shareOf(({ view }) => view.active)} of the neighbours of honest nodes, ${shareOf(({ view }) => view.passive.map(({ id }) => id))} of the passive nodes`,
    hasAnchors ? `and ${shareOf(({ anchors }) => anchors.ids)} of the anchors;` : ';',
    `${(100 * mean).toFixed(1)} % of the honest reach each other over honest ones (in 90 rounds; least ${(100 * Math.min(...reached)).toFixed(1)} %)`,
  );
}

/** The share of the honest nodes in the largest part of them, in which all reach each other without a liar. */
function largestShare(
  links: ReadonlyMap<number, ReadonlySet<number>>,
  honest: readonly AbstractNode[],
  isLiar: (at: number) => boolean,
): number {
  const among = new Map(
    honest.map(({ at }) => [at, new Set([...links.get(at)!].filter((one) => !isLiar(one)))]),
  );
  return componentsOf(among)[0]! / honest.length;
}
