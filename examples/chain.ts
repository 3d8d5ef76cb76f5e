// A small blockchain: mined blocks travel from neighbour to neighbour, and a newcomer takes the longest valid chain.
// Run it: node examples/chain.ts
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { defineMessage, defineRequest, Node, type NodeConnection } from 'peerloom';
import { z } from 'zod';

const blockSchema = z.object({ previous: z.string(), text: z.string(), nonce: z.int() });
type Block = z.infer<typeof blockSchema>;
const mined = defineMessage('mined', blockSchema);
const wholeChain = defineRequest('chain', { request: z.null(), response: z.array(blockSchema) });

const hashOf = (block?: Block) =>
  createHash('sha256')
    .update(JSON.stringify(block ?? null))
    .digest('hex');
/** The proof of work is a hash that begins with three zeros. */
const follows = (block: Block, last?: Block) =>
  hashOf(block).startsWith('000') && block.previous === hashOf(last);

class ChainNode extends Node {
  chain: Block[] = [];

  /** Passes new valid blocks on, and ignores all others. */
  add(block: Block, from?: NodeConnection) {
    if (!follows(block, this.chain.at(-1))) return;
    this.chain.push(block);
    this.sendToNodes(mined(block), { exclude: from === undefined ? [] : [from] });
  }

  mine(text: string) {
    const block = { previous: hashOf(this.chain.at(-1)), text, nonce: 0 };
    while (!follows(block, this.chain.at(-1))) block.nonce += 1;
    this.add(block);
  }

  async join(...neighbours: Node[]) {
    this.handle(mined, (peer, block) => this.add(block, peer)).handle(wholeChain, () => this.chain);
    await this.start();
    for (const { port } of neighbours) await this.connectWithNode('127.0.0.1', port);
    for await (const { data: chain = [] } of this.requestFromNodes(wholeChain, null)) {
      const isValid = chain.every((block, index) => follows(block, chain[index - 1]));
      if (isValid && chain.length > this.chain.length) this.chain = chain;
    }
  }
}

const nodes = [1, 2, 3, 4].map(() => new ChainNode('127.0.0.1', 0));
const [ada, ben, cleo, dave] = nodes as [ChainNode, ChainNode, ChainNode, ChainNode];
await ada.join();
await ben.join(ada);
await cleo.join(ben); // ben passes the blocks of the other two on
ada.mine('ada pays ben 5');
while (cleo.chain.length < 1) await setTimeout(10);
cleo.mine('cleo pays ada 2');
while (ada.chain.length < 2) await setTimeout(10);
await dave.join(ada, cleo);
for (const [height, { text }] of dave.chain.entries()) console.log(`block ${height}: ${text}`);
for (const node of nodes) await node.stop();
