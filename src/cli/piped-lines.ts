import { createInterface } from 'node:readline';
import type { Node } from '../node.ts';
import type { NodeConnection } from '../node-connection.ts';
import { labelOf } from './describe.ts';

/** Lines on their way that no neighbour has confirmed yet; past this, reading waits. */
const maxUnconfirmed = 1_000;

/**
 * Sends each line of the standard input to all neighbours and has it confirmed by them. A line waits until
 * there is a neighbour; reading waits with it, as it does for a neighbour that is slow.
 *
 * @param warn takes what the user should know, a line at a time.
 * @returns at the end of the input, whether everything was confirmed.
 */
export async function sendLines(node: Node, warn: (line: string) => void): Promise<boolean> {
  const unconfirmed = new Set<Promise<void>>();
  let isComplete = true;

  async function deliver(line: string, connection: NodeConnection): Promise<void> {
    try {
      await connection.deliver(line, { timeoutMs: Number.POSITIVE_INFINITY });
    } catch (error) {
      isComplete = false;
      warn(`a line was not confirmed by ${labelOf(connection)}: ${(error as Error).message}`);
    }
  }

  for await (const line of createInterface({ input: process.stdin })) {
    for (const connection of await neighbours(node, warn)) {
      const confirmed = deliver(line, connection).then(() => void unconfirmed.delete(confirmed));
      unconfirmed.add(confirmed);
      await connection.drained();
    }
    if (unconfirmed.size > maxUnconfirmed) await Promise.all(unconfirmed);
  }
  await Promise.all(unconfirmed);
  return isComplete;
}

/** The open connections, as soon as there is one. */
async function neighbours(node: Node, warn: (line: string) => void): Promise<readonly NodeConnection[]> {
  const open = node.allNodes.filter(({ isOpen }) => isOpen);
  if (open.length > 0) return open;
  warn('nobody is connected: what is to be sent waits for the first who is');
  return new Promise((resolve) => {
    const onConnected = (connection: NodeConnection): void => {
      node.off('inbound_node_connected', onConnected).off('outbound_node_connected', onConnected);
      resolve([connection]);
    };
    node.on('inbound_node_connected', onConnected).on('outbound_node_connected', onConnected);
  });
}
