// A small blockchain: the two halves of a network that was cut mine on, and all agree on one chain when it is whole again.
// Run it: node examples/chain.ts
import { createHash } from 'node:crypto';
import { type Data, Node } from 'peerloom';
import { Simulation } from 'peerloom/simulator';
import { z } from 'zod';

const blockSchema = z.object({ previous: z.string(), text: z.string(), nonce: z.int() });
type Block = z.infer<typeof blockSchema>;

const hashOf = ({ previous, text, nonce }: Block) =>
  createHash('sha256').update(`${previous} ${nonce} ${text}`).digest('hex');
/** The proof of work is a hash that begins with three zeros. */
const isMined = (block: Block) => hashOf(block).startsWith('000');

class ChainNode extends Node {
  /** By their hashes, those of shorter chains too. */
  readonly blocks = new Map<string, Block>();

  override nodeBroadcast(_origin: string, data: Data) {
    const { data: block } = blockSchema.safeParse(data);
    if (block !== undefined && isMined(block)) this.blocks.set(hashOf(block), block);
  }

  mine(text: string) {
    const last = this.chain.at(-1);
    const block = { previous: last === undefined ? '' : hashOf(last), text, nonce: 0 };
    while (!isMined(block)) block.nonce += 1;
    this.blocks.set(hashOf(block), block);
    this.broadcast(block, { topic: 'blocks' });
  }

  /** The longest chain; of several, the one whose last hash comes first, so that all nodes choose the same. */
  get chain() {
    const chains = [...this.blocks.keys()].sort().map((hash) => this.#chainTo(hash) ?? []);
    return chains.reduce((best, chain) => (chain.length > best.length ? chain : best), []);
  }

  #chainTo(hash: string): Block[] | undefined {
    if (hash === '') return [];
    const block = this.blocks.get(hash);
    const before = block && this.#chainTo(block.previous);
    return before && [...before, block];
  }
}

const world = new Simulation({ seed: 1 });
const nodes = world.spawn(4, ({ host, port, options }) => new ChainNode(host, port, options));
const [ada, ben, cleo, dave] = nodes as [ChainNode, ChainNode, ChainNode, ChainNode];
for (const [at, node] of nodes.entries()) {
  node.subscribe('blocks', { history: {} });
  const { host, port } = nodes[(at + 1) % nodes.length]!;
  await world.settle(node.connectWithNode(host, port, { reconnect: true }));
}
const print = (when: string) => {
  const chains = nodes.map(({ chain }) => chain.map(({ text }) => text).join(', '));
  for (const chain of new Set(chains)) console.log(`${when}: ${chain}`);
};

ada.mine('ada pays ben 5');
await world.run({ seconds: 10 });
world.partition([ada, ben], [cleo, dave]);
await world.run({ minutes: 5 });
ben.mine('ben pays ada 2');
dave.mine('dave pays cleo 1');
await world.run({ seconds: 10 });
cleo.mine('cleo pays dave 3');
await world.run({ seconds: 10 });
print('cut in two');
world.heal();
await world.run({ minutes: 5 });
print('whole again');
await world.end();
