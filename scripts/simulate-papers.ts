// Repeats the experiments of the papers on which the overlay is built, and of others, in the simulator:
//   npm run simulate:papers                         100 and 1,000 nodes
//   npm run simulate:papers -- --nodes 10000        another size; several are separated by commas
//   npm run simulate:papers -- --seed 8
//   npm run simulate:papers -- --only crashes --crash 0.5,0.8   one of broadcasts, shape and crashes
// docs/overlay.md shows what it printed. The tests run a small share.
import { parseArgs } from 'node:util';
import {
  type Cost,
  challenge3e,
  floodAndTree,
  irohBars,
  type Senders,
  sendersCost,
} from './papers/broadcasts.ts';
import { crashed, shape } from './papers/membership.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '100,1000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: 'broadcasts,shape,crashes' },
    crash: { type: 'string', default: '0.3,0.5,0.8,0.9,0.95' },
  },
});
const seed = Number(values.seed);
const sizes = values.nodes.split(',').map(Number);
const only = values.only.split(',');

const rows: string[][] = [['experiment', 'nodes', 'reference', 'measured']];

function row(...cells: string[]): void {
  rows.push(cells);
  console.error(cells.join('  '));
}

function textOf({ deliveryRatio, redundancy, lastHop }: Cost): string {
  const reached = `${(100 * deliveryRatio).toFixed(2)} % reached`;
  return `${reached}, redundancy ${redundancy.toFixed(3)}, last hop ${lastHop.toFixed(1)}`;
}

async function broadcasts(size: number): Promise<void> {
  const { flood, tree } = await floodAndTree(size, seed);
  row('first broadcast: over all links', `${size}`, 'flooding: redundancy about 3', textOf(flood));
  row('the next 20: over the tree', `${size}`, 'redundancy towards 0, last hop as flooding', textOf(tree));
  for (const senders of ['one', 'many', 'all at once'] as const satisfies readonly Senders[]) {
    const { redundancy, lastHop } = irohBars[senders];
    const reference = `iroh-gossip, 100 peers: redundancy < ${redundancy}, last hop < ${lastHop}`;
    row(`senders: ${senders}`, `${size}`, reference, textOf(await sendersCost(size, senders, seed)));
  }
}
async function challenge(): Promise<void> {
  const { messagesPerBroadcast, medianMs, maxMs } = await challenge3e(seed);
  row(
    'fly.io, challenge 3e',
    '25',
    'messages < 20, median < 1,000 ms, longest < 2,000 ms',
    `messages ${messagesPerBroadcast.toFixed(1)}, median ${medianMs.toFixed(0)} ms, longest ${maxMs.toFixed(0)} ms`,
  );
}

/** HyParView, figure 2, as secondary sources give it. */
const crashReference = '10,000 nodes: about 100 % up to 80 % of crashes, 90 % at 95 %';

async function crashes(size: number): Promise<void> {
  for (const share of values.crash.split(',').map(Number)) {
    const { reliability, afterMinute, cyclesToHeal } = await crashed(size, share, seed);
    const healed = cyclesToHeal === undefined ? 'not in one piece' : `in one piece in cycle ${cyclesToHeal}`;
    const measured = `${(100 * reliability).toFixed(1)} % reached at once, ${(100 * afterMinute).toFixed(1)} % a minute later, ${healed}`;
    row(`${100 * share} % crash at once`, `${size}`, crashReference, measured);
  }
}

if (only.includes('broadcasts')) {
  for (const size of sizes) await broadcasts(size);
  await challenge();
}
if (only.includes('shape')) {
  const reference = '10,000 nodes: nearly all have 5, clustering 0.0009, paths 6.4';
  for (const size of sizes) row('shape after 50 cycles', `${size}`, reference, await shape(size, seed));
}
if (only.includes('crashes')) for (const size of sizes) await crashes(size);

const [header, ...body] = rows.map((cells) => `| ${cells.join(' | ')} |`);
console.log([`Seed ${seed}.`, '', header, '| --- | --- | --- | --- |', ...body].join('\n'));
