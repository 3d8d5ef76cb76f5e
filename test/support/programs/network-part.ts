/** Some nodes of a network, in a process of their own: {@link NetworkParts} says what they do. */
import { setTimeout as delay } from 'node:timers/promises';
import { bootstrap, Node, type PeerloomError } from '../../../src/index.ts';
import type { PartAnswers, PartOrder, PartState } from '../network-parts.ts';

const nodes: Node[] = [];
/** Which of the nodes here have heard each broadcast. */
const heard = new Map<string, Set<Node>>();
let repeated = 0;

async function start(
  count: number,
  seeds: readonly string[],
  periodMs: number | undefined,
): Promise<readonly string[]> {
  for (let made = 0; made < count; made++) {
    const discovery = seeds.length === 0 ? [] : [bootstrap([...seeds])];
    const neighbourhood = periodMs === undefined ? 'automatic' : { periodMs };
    const node = new Node('127.0.0.1', 0, { discovery, neighbourhood });
    node.on('node_broadcast', (_origin, text) => {
      const hearers = heard.get(text as string) ?? new Set();
      if (hearers.has(node)) repeated += 1;
      heard.set(text as string, hearers.add(node));
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

function state(): PartState {
  const { user, system } = process.cpuUsage();
  return {
    neighbours: nodes.map(({ neighbourhood }) => neighbourhood.active.length),
    connections: nodes.reduce((sum, { allNodes }) => sum + allNodes.length, 0),
    sentBytes: nodes.reduce((sum, node) => sum + node.metrics().sentBytes, 0),
    repeated,
    rssBytes: process.memoryUsage.rss(),
    cpuMs: (user + system) / 1_000,
  };
}

function obey(order: PartOrder): PartAnswers[PartOrder['do']] | Promise<PartAnswers[PartOrder['do']]> {
  switch (order.do) {
    case 'start':
      return start(order.count, order.seeds, order.periodMs);
    case 'broadcast':
      return broadcast(nodes[order.at]!, order.text);
    case 'heard':
      return order.texts.map((text) => heard.get(text)?.size ?? 0);
    case 'state':
      return state();
  }
}

process.on('message', async (order: PartOrder) => process.send!(await obey(order)));
process.on('disconnect', () => process.exit());
