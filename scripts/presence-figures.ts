/**
 * What presence costs: bytes that a node sends in an hour for the announcements of a network, as the simulator counts
 * them. Run it: node scripts/presence-figures.ts [nodes]
 */
import { bootstrap, Node } from '../src/index.ts';
import { Simulation } from '../src/simulator/index.ts';

const count = Number(process.argv[2] ?? 100);
const minutes = 10;

async function bytesOfNode(presence: boolean): Promise<number> {
  const world = new Simulation({ seed: 1, latencyMs: { from: 10, to: 100 } });
  const discovery = [bootstrap(['10.0.0.1:10001'])];
  world.spawn(count, ({ host, port, options }) => new Node(host, port, { ...options, discovery, presence }));
  await world.run({ minutes: 2 });
  const before = world.metrics.bytes;
  await world.run({ minutes });
  const { bytes } = world.metrics;
  await world.end();
  return ((bytes - before) / count) * (60 / minutes);
}

const [without, withPresence] = [await bytesOfNode(false), await bytesOfNode(true)];
const perNode = withPresence - without;
console.log(`${count} nodes, a neighbourhood each, an announcement every 30 s`);
console.log(`without presence: ${(without / 1e6).toFixed(2)} MB an hour for each node`);
console.log(`presence:         ${(perNode / 1e6).toFixed(2)} MB an hour for each node`);
console.log(
  `for each announcement that a node passes on: ${(perNode / (count * 120 * (8 / 7))).toFixed(0)} bytes`,
);
