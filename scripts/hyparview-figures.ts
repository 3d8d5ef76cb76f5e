// Prints the figures of docs/overlay.md: what HyParView alone does, without links.
//
//   node scripts/hyparview-figures.ts 10000 1    so many nodes, and a seed
//   node scripts/hyparview-figures.ts crashes    so many per cent of 10,000 nodes crash at once; 100 floods before any shuffle
//   node scripts/hyparview-figures.ts liars      30 % of 300 nodes lie in what they say of others
import { clusteringOf, componentsOf, degreesOf, pathLengthsOf } from '../src/simulator/watch/graph.ts';
import { AbstractNetwork, type AbstractNetworkOptions } from '../test/support/abstract-network.ts';

const rounds = 50;
const [what = '10000', seed = '1'] = process.argv.slice(2);
if (what === 'crashes') for (const percent of [10, 30, 50, 70, 80, 90, 95]) showCrash(percent, Number(seed));
else if (what === 'liars') for (const one of [1, 2, 3]) for (const has of [true, false]) showLiars(one, has);
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

function showLiars(networkSeed: number, hasSamples: boolean): void {
  const isLiar = (at: number): boolean => at < 90;
  const liars = Array.from({ length: 90 }, (_, at) => ({ id: `node ${at}` }));
  const network: AbstractNetwork = networkOf(300, {
    seed: networkSeed,
    hasSamples,
    tamper: (from, message, random) => {
      if (!isLiar(from.at) || message.kind === 'forwardJoin') return message;
      const contacts = Array.from({ length: 8 }, () => liars[Math.floor(90 * random())]!);
      return { ...message, contacts };
    },
  });
  for (let round = 0; round < 120; round++) network.round();
  const { graph } = network;
  const honest = network.nodes.filter(({ at }) => !isLiar(at));
  const shareOf = (ids: readonly string[]): string => {
    const lying = ids.filter((id) => isLiar(network.byId.get(id)!.at)).length;
    return `${((100 * lying) / ids.length).toFixed(1)} %`;
  };
  const among = new Map(
    honest.map(({ at }) => [at, new Set([...graph.get(at)!].filter((one) => !isLiar(one)))]),
  );
  console.log(
    `seed ${networkSeed}${hasSamples ? '' : ', no samples'}: liars are ${shareOf(honest.flatMap(({ view }) => view.active))} of the neighbours of honest nodes,`,
    `${shareOf(honest.flatMap(({ view }) => view.passive.map(({ id }) => id)))} of their passive nodes;`,
    `${componentsOf(among)[0]} of ${honest.length} honest nodes reach each other over honest ones`,
  );
}
