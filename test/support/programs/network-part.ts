/** Some nodes of a network, in a process of their own: {@link NetworkParts} says what they do. */
import { setTimeout as delay } from 'node:timers/promises';
import { bootstrap, Node, type PeerloomError } from '../../../src/index.ts';
import type { PartAnswer, PartOrder } from '../network-parts.ts';

const nodes: Node[] = [];
/** How many of the nodes here have heard each broadcast. */
const heard = new Map<string, number>();

async function start(count: number, seeds: readonly string[], periodMs: number): Promise<readonly string[]> {
  for (let made = 0; made < count; made++) {
    const discovery = seeds.length === 0 ? [] : [bootstrap([...seeds])];
    const node = new Node('127.0.0.1', 0, { discovery, neighbourhood: { periodMs } });
    node.on('node_broadcast', (_origin, text) => {
      heard.set(text as string, (heard.get(text as string) ?? 0) + 1);
    });
    await node.start();
    nodes.push(node);
  }
  return nodes.map(({ port }) => `127.0.0.1:${port}`);
}

/** A node whose neighbours have all been killed first finds others. */
async function broadcast(node: Node, text: string): Promise<null> {
  for (;;) {
    try {
      await node.broadcast(text);
      return null;
    } catch (error) {
      if ((error as PeerloomError).code !== 'ERR_NO_NEIGHBOUR') throw error;
      await delay(50);
    }
  }
}

function obey(order: PartOrder): PartAnswer | Promise<PartAnswer> {
  switch (order.do) {
    case 'start':
      return start(order.count, order.seeds, order.periodMs);
    case 'broadcast':
      return broadcast(nodes[order.at]!, order.text);
    case 'heard':
      return order.texts.map((text) => heard.get(text) ?? 0);
  }
}

process.on('message', async (order: PartOrder) => process.send!(await obey(order)));
process.on('disconnect', () => process.exit());
