import { checkGivenId } from '../api/given-id.ts';
import { NodeConnection } from '../api/node-connection.ts';
import { checkOptions, shown } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import type { SendOptions } from '../channel/channel.ts';
import { shareEncoding } from '../channel/send/shared-encoding.ts';

/** The options of {@link Node.sendToNodes}. */
export interface SendToNodesOptions extends SendOptions {
  /** The peers to leave out, as connections or ids. Default: none. */
  readonly exclude?: Iterable<NodeConnection | string> | undefined;
}

/** A connection over which a message could not be sent, and the reason. */
export interface SendFailure {
  /** The connection. It may have closed meanwhile. */
  readonly connection: NodeConnection;
  /** The error that {@link NodeConnection.send} threw. */
  readonly error: Error;
}

/** The result of {@link Node.sendToNodes}. */
export interface SendReport {
  /** How many connections accepted the message. */
  readonly sent: number;
  /** Which of them are above their high-water mark: await their `drained()` before you send much more. */
  readonly congested: readonly NodeConnection[];
  /** The connections that did not accept it, with the reason. */
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
 * @throws TypeError when no message can hold the data, for wrong options, or for an id that no node can have.
 */
export function sendToMany(
  data: Data,
  options: SendToNodesOptions,
  { connections, maxContainers }: { connections: Iterable<NodeConnection>; maxContainers: number },
): SendReport {
  checkOptions(options, optionNames);
  const { exclude = nobody, compression, verbatim } = options;
  const receivers = [...connections];
  const { excluded, hasIds } = excludedFrom(exclude, receivers);
  const shared = shareEncoding(data, { compression, verbatim }, maxContainers);
  const congested: NodeConnection[] = [];
  const failed: SendFailure[] = [];
  let sent = 0;
  for (const connection of receivers) {
    if (excluded.has(connection) || (hasIds && excluded.has(connection.id))) continue;
    try {
      if (!connection.send(data, shared)) congested.push(connection);
      sent += 1;
    } catch (error) {
      failed.push({ connection, error: error as Error });
    }
  }
  return { sent, congested, failed };
}

const nobody: readonly NodeConnection[] = [];

interface Excluded {
  readonly excluded: { has(one: NodeConnection | string): boolean };
  readonly hasIds: boolean;
}

/** So many are compared faster one by one than found in a Set. */
const fewExcluded = 4;

class FewValues {
  readonly #values: readonly unknown[];

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  has(value: unknown): boolean {
    return this.#values.includes(value);
  }
}

function excludedFrom(
  exclude: Iterable<NodeConnection | string>,
  connections: readonly NodeConnection[],
): Excluded {
  const rule = 'exclude must be a list of connections and ids, such as [connection]';
  // A single id is a string, which is a list of its letters as well.
  if (typeof exclude !== 'object' || exclude === null || !(Symbol.iterator in exclude)) {
    throw new TypeError(`${rule}, not ${shown(exclude)}`);
  }
  const list = Array.isArray(exclude) ? exclude : [...exclude];
  const excluded = list.length <= fewExcluded ? new FewValues(list) : new Set(list);
  let hasIds = false;
  for (const one of list) {
    if (typeof one === 'string') {
      hasIds = true;
      // A misspelt id would exclude nobody. The ids of peers need no check.
      if (!connections.some(({ id }) => id === one)) checkGivenId('exclude', one);
      continue;
    }
    if (NodeConnection.isGenuine(one)) continue;
    throw new TypeError(`${rule}; it holds ${shown(one)}`);
  }
  return { excluded, hasIds };
}
