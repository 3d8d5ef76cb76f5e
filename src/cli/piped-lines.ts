import { createInterface } from 'node:readline';
import type { NodeConnection } from '../api/node-connection.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Node } from '../node/node.ts';
import { labelOf } from './describe.ts';

/** Lines on their way that a neighbour has not confirmed; past this, reading waits. */
const maxUnconfirmed = 1_000;

export interface LineOptions {
  /** Somebody may yet connect: lines wait for that while nobody is there. */
  readonly waits: boolean;
  /** Takes what the user should know, a line at a time. */
  readonly warn: (line: string) => void;
}

/** What became of the lines. */
export interface SentLines {
  /** How many there were. */
  readonly lines: number;
  /** All of them were confirmed. */
  readonly isComplete: boolean;
}

/**
 * Sends each line of the standard input to all neighbours and has it confirmed by them. Reading waits for those
 * that are slow.
 *
 * @throws PeerloomError `ERR_NOT_CONNECTED` when nobody is connected and nothing is to be waited for.
 */
export async function sendLines(node: Node, options: LineOptions): Promise<SentLines> {
  const unconfirmed = new Set<Promise<void>>();
  const failed = new Set<NodeConnection>();

  async function deliver(line: string, connection: NodeConnection): Promise<void> {
    try {
      await connection.deliver(line, { timeoutMs: Number.POSITIVE_INFINITY });
    } catch (error) {
      if (failed.has(connection)) return;
      failed.add(connection);
      options.warn(`${labelOf(connection)} did not confirm every line: ${(error as Error).message}`);
    }
  }

  let lines = 0;
  for await (const line of linesOfInput()) {
    lines += 1;
    for (const connection of await neighbours(node, options)) {
      const confirmation = deliver(line, connection).then(() => void unconfirmed.delete(confirmation));
      unconfirmed.add(confirmation);
      await connection.drained();
    }
    if (unconfirmed.size > maxUnconfirmed) await Promise.all(unconfirmed);
  }
  await Promise.all(unconfirmed);
  return { lines, isComplete: failed.size === 0 };
}

/** A terminal would cut lines at 4,096 bytes; readline, which reads each key, does not. */
function linesOfInput(): AsyncIterable<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) return createInterface({ input: stdin });
  const lines = createInterface({ input: stdin, output: stderr, terminal: true, prompt: '' });
  // The terminal makes no signal of Ctrl-C while readline reads keys.
  return lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
}

/** The open connections, as soon as there is one. */
async function neighbours(node: Node, { waits, warn }: LineOptions): Promise<readonly NodeConnection[]> {
  const open = node.allNodes.filter(({ isOpen }) => isOpen);
  if (open.length > 0) return open;
  if (!waits)
    throw new PeerloomError('ERR_NOT_CONNECTED', 'nobody is connected any more: the rest was not sent');
  warn('nobody is connected: what is to be sent waits for the first who is');
  return new Promise((resolve) => {
    const onConnected = (connection: NodeConnection): void => {
      node.off('inbound_node_connected', onConnected).off('outbound_node_connected', onConnected);
      resolve([connection]);
    };
    node.on('inbound_node_connected', onConnected).on('outbound_node_connected', onConnected);
  });
}
