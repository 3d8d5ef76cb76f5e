import { suite, test } from 'node:test';
import { PeerloomError } from '../../src/index.ts';
import { engines } from '../support/engines.ts';
import { randomFrom } from '../support/random-from.ts';
import type { RecordingNode } from '../support/recording-node.ts';
import { startNodes } from '../support/start-nodes.ts';
import { turns, until } from '../support/turns.ts';

/** What may become of a connection that others close at the same time. */
const expected = new Set(['ERR_CONNECTION_CLOSED', 'ERR_NOT_CONNECTED']);

async function unlessClosed(doing: Promise<unknown>): Promise<void> {
  try {
    await doing;
  } catch (error) {
    if (!(error instanceof PeerloomError && expected.has(error.code))) throw error;
  }
}

/** One of many that connect and disconnect the same nodes at the same time. */
async function stir(nodes: RecordingNode[], random: () => number, steps: number): Promise<void> {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  for (let step = 0; step < steps; step++) {
    const one = pick(nodes);
    const other = pick(nodes.filter((node) => node !== one));
    const connection = one.allNodes.find(({ id }) => id === other.id);
    const action = random();
    if (action < 0.5) await unlessClosed(one.connectWithNode(other.host, other.port));
    else if (action < 0.6)
      await unlessClosed(
        Promise.all([one.connectWithNode(other.host, other.port), other.connectWithNode(one.host, one.port)]),
      );
    else if (action < 0.8) await connection?.stop();
    else if (connection !== undefined) await unlessClosed(connection.deliver({ step }));
    await turns(Math.floor(random() * 4));
  }
}

suite('nodes that connect and disconnect each other at random', () => {
  for (const engine of engines.slice(0, 2)) {
    for (const seed of [1, 2]) {
      test(`end up agreeing on who is connected: ${engine.name}, seed ${seed}`, async (t) => {
        const nodes = await startNodes(t, 4, { engine });
        const random = randomFrom(seed);
        await Promise.all(Array.from({ length: 6 }, () => stir(nodes, random, 25)));
        const idsOf = (node: RecordingNode): string[] => node.allNodes.map(({ id }) => id).sort();
        const agrees = (node: RecordingNode): boolean =>
          new Set(idsOf(node)).size === node.allNodes.length &&
          nodes.every((other) => idsOf(node).includes(other.id) === idsOf(other).includes(node.id));
        // Of two that cross one has yet to end.
        for (const { allNodes } of nodes) {
          for (const connection of allNodes) await unlessClosed(connection.deliver('settled?'));
        }
        await until(() => nodes.every(agrees), 'each pair has one connection, of which both know, or none');
        for (const node of nodes) {
          for (const connection of node.allNodes) await connection.deliver('still there?');
        }
      });
    }
  }
});
