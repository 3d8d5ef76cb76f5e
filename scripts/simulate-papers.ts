// Repeats the experiments of the papers on which the overlay is built, and of others, in the simulator:
//   npm run simulate:papers                         100 and 1,000 nodes
//   npm run simulate:papers -- --nodes 10000        another size; several are separated by commas
//   npm run simulate:papers -- --seed 8
// docs/overlay.md shows what it printed. The tests run the smallest size.
import { parseArgs } from 'node:util';
import {
  type Cost,
  challenge3e,
  floodAndTree,
  irohBars,
  type Senders,
  sendersCost,
} from './papers/broadcasts.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '100,1000' },
    seed: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed);
const sizes = values.nodes.split(',').map(Number);

const rows: string[][] = [['experiment', 'nodes', 'reference', 'measured']];

function row(...cells: string[]): void {
  rows.push(cells);
  console.error(cells.join('  '));
}

function textOf({ deliveryRatio, redundancy, lastHop }: Cost): string {
  const reached = `${(100 * deliveryRatio).toFixed(2)} % reached`;
  return `${reached}, redundancy ${redundancy.toFixed(3)}, last hop ${lastHop.toFixed(1)}`;
}

for (const size of sizes) {
  const { flood, tree } = await floodAndTree(size, seed);
  row('first broadcast: over all links', `${size}`, 'flooding: redundancy about 3', textOf(flood));
  row('the next 20: over the tree', `${size}`, 'redundancy towards 0, last hop as flooding', textOf(tree));
  for (const senders of ['one', 'many', 'all at once'] as const satisfies readonly Senders[]) {
    const { redundancy, lastHop } = irohBars[senders];
    const reference = `iroh-gossip, 100 peers: redundancy < ${redundancy}, last hop < ${lastHop}`;
    row(`senders: ${senders}`, `${size}`, reference, textOf(await sendersCost(size, senders, seed)));
  }
}
const { messagesPerBroadcast, medianMs, maxMs } = await challenge3e(seed);
row(
  'fly.io, challenge 3e',
  '25',
  'messages < 20, median < 1,000 ms, longest < 2,000 ms',
  `messages ${messagesPerBroadcast.toFixed(1)}, median ${medianMs.toFixed(0)} ms, longest ${maxMs.toFixed(0)} ms`,
);

const [header, ...body] = rows.map((cells) => `| ${cells.join(' | ')} |`);
console.log([`Seed ${seed}.`, '', header, '| --- | --- | --- | --- |', ...body].join('\n'));
