/** Some nodes of a network, in a process of their own: {@link NetworkParts} says what they do. */
import { bootstrap, Node } from '../../../src/index.ts';
import type { PartAnswer, PartOrder, PartReport } from '../network-parts.ts';

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

function report(): PartReport {
  return {
    neighbours: nodes.map(({ id, neighbourhood }) => [id, neighbourhood.active.map((peer) => peer.id)]),
    connections: nodes.reduce((sum, node) => sum + node.allNodes.length, 0),
    bytes: nodes.reduce((sum, node) => sum + node.metrics().sentBytes, 0),
    cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1_000,
    rssBytes: process.memoryUsage().rss,
  };
}

function obey(order: PartOrder): PartAnswer | Promise<PartAnswer> {
  switch (order.do) {
    case 'start':
      return start(order.count, order.seeds, order.periodMs);
    case 'report':
      return report();
    case 'broadcast':
      nodes[order.at]!.broadcast(order.text);
      return null;
    case 'heard':
      return order.texts.map((text) => heard.get(text) ?? 0);
  }
}

process.on('message', async (order: PartOrder) => process.send!(await obey(order)));
process.on('disconnect', () => process.exit());
