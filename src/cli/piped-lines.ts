import { createInterface } from 'node:readline';
import type { NodeConnection } from '../api/node-connection.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Node } from '../node/node.ts';
import { labelOf } from './describe.ts';

/** Reading pauses while peers have not confirmed more than this many lines. */
const maxUnconfirmed = 1_000;

export interface LineOptions {
  /** Whether lines wait while no peer is connected. If not, it is an error. */
  readonly waits: boolean;
  /** Prints a line for the user. */
  readonly warn: (line: string) => void;
}

/** The outcome of {@link sendLines}. */
export interface SentLines {
  /** How many lines were read. */
  readonly lines: number;
  /** Whether every peer confirmed every line that was sent to it. */
  readonly isComplete: boolean;
}

/**
 * Sends each line of the standard input to all peers, as a delivery that they confirm. Slow peers slow down the
 * reading.
 *
 * @throws PeerloomError `ERR_NOT_CONNECTED` if no peer is connected and lines do not wait for one.
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

/** The lines of the input. A terminal cuts lines at 4,096 bytes; readline does not, because it reads each key. */
function linesOfInput(): AsyncIterable<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) return createInterface({ input: stdin });
  const lines = createInterface({ input: stdin, output: stderr, terminal: true, prompt: '' });
  // While readline reads keys, the terminal does not turn Ctrl-C into a signal.
  return lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
}

/** Resolves with the open connections as soon as there is one. */
async function neighbours(node: Node, { waits, warn }: LineOptions): Promise<readonly NodeConnection[]> {
  const open = node.allNodes.filter(({ isOpen }) => isOpen);
  if (open.length > 0) return open;
  if (!waits)
    throw new PeerloomError(
      'ERR_NOT_CONNECTED',
      'all peers have left, so the rest of the input was not sent; use --reconnect to wait for them',
    );
  warn('no peer is connected: the lines wait until one connects');
  return new Promise((resolve) => {
    const onConnected = (connection: NodeConnection): void => {
      node.off('inbound_node_connected', onConnected).off('outbound_node_connected', onConnected);
      resolve([connection]);
    };
    node.on('inbound_node_connected', onConnected).on('outbound_node_connected', onConnected);
  });
}
