import { checkOptions, shown } from './arguments.ts';
import type { SendOptions } from './channel/channel.ts';
import { shareEncoding } from './channel/shared-encoding.ts';
import type { Data } from './data.ts';
import { NodeConnection } from './node-connection.ts';

/** How to send a message to many. */
export interface SendToNodesOptions extends SendOptions {
  /** Whom to leave out, as connections or ids. Default: nobody. */
  readonly exclude?: Iterable<NodeConnection | string> | undefined;
}

/** A connection that did not take a message, and why. */
export interface SendFailure {
  /** The connection; it may have closed meanwhile. */
  readonly connection: NodeConnection;
  /** What {@link NodeConnection.send} threw. */
  readonly error: Error;
}

/** What became of a message to many. */
export interface SendReport {
  /** Connections that took the message. */
  readonly sent: number;
  /** Those of them that are above their high-water mark: wait for their `drained()` before sending much more. */
  readonly congested: readonly NodeConnection[];
  /** Connections that did not take it, with the reason. */
  readonly failed: readonly SendFailure[];
}

const optionNames = [
  'compression',
  'verbatim',
  'exclude',
] as const satisfies readonly (keyof SendToNodesOptions)[];

/**
 * Sends a message over each connection that is not left out; it is encoded once.
 *
 * @throws TypeError when no message can hold the data, or for wrong options.
 */
export function sendToMany(
  data: Data,
  options: SendToNodesOptions,
  { connections, maxContainers }: { connections: Iterable<NodeConnection>; maxContainers: number },
): SendReport {
  checkOptions(options, optionNames);
  const { exclude = [], ...sendOptions } = options;
  const excluded = excludedFrom(exclude);
  const shared = shareEncoding(data, sendOptions, maxContainers);
  const congested: NodeConnection[] = [];
  const failed: SendFailure[] = [];
  let sent = 0;
  for (const connection of connections) {
    if (excluded.has(connection) || excluded.has(connection.id)) continue;
    try {
      if (!connection.send(data, shared)) congested.push(connection);
      sent += 1;
    } catch (error) {
      failed.push({ connection, error: error as Error });
    }
  }
  return { sent, congested, failed };
}

function excludedFrom(exclude: Iterable<NodeConnection | string>): ReadonlySet<NodeConnection | string> {
  const rule = 'exclude must be a list of connections and ids, such as [connection]';
  // A single id is a string, which is a list of its letters as well.
  if (typeof exclude !== 'object' || exclude === null || !(Symbol.iterator in exclude)) {
    throw new TypeError(`${rule}, not ${shown(exclude)}`);
  }
  const excluded = new Set(exclude);
  for (const one of excluded) {
    if (typeof one === 'string' || NodeConnection.isGenuine(one)) continue;
    throw new TypeError(`${rule}; it holds ${shown(one)}`);
  }
  return excluded;
}
