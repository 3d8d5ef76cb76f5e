import type { ConnectOptions } from '../api/connect-options.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import { type Address, formatAddress } from '../base/address.ts';
import { attempt } from '../base/attempt.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';

export interface ConnectByIdContext {
  readonly runtime: Runtime;
  readonly stopping: AbortSignal;
  readonly timeoutMs: number;
  /** The part of `timeoutMs` that one address may take. */
  readonly addressTimeoutMs: number;
  /** Returns the known addresses of the node, the best first. */
  known(): readonly Address[];
  /** Asks the neighbours, and other nodes up to a number of links away. Returns the addresses found. */
  ask(hops: number, signal: AbortSignal): Promise<readonly Address[]>;
  /** Asks the discoveries that can look for a node. */
  seek(signal: AbortSignal): Promise<readonly Address[]>;
  /** Returns the number of neighbours that can be asked. */
  neighbours(): number;
  reach(address: Address, options: ConnectOptions): Promise<NodeConnection>;
}

/**
 * The number of links that each round of questions passes over. Near nodes come first, because most answers are there.
 */
const hopsOfRounds = [1, 4];

/**
 * Connects with a node by its id. It dials the node's known addresses, then those that neighbours name, and then those
 * that discoveries find.
 *
 * @throws PeerloomError `ERR_NODE_UNKNOWN` if no address is known; otherwise the error of the last dial.
 */
export function connectById(
  id: string,
  options: ConnectOptions,
  context: ConnectByIdContext,
): Promise<NodeConnection> {
  const { runtime, stopping, timeoutMs, addressTimeoutMs } = context;
  const tried = new Set<string>();
  let failure: unknown;

  async function reachOneOf(
    addresses: readonly Address[],
    signal: AbortSignal,
  ): Promise<NodeConnection | undefined> {
    for (const address of addresses) {
      const key = formatAddress(address);
      if (tried.has(key)) continue;
      tried.add(key);
      try {
        return await context.reach(address, { ...options, id, signal, timeoutMs: addressTimeoutMs });
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
    return undefined;
  }

  return attempt(
    { what: `connecting with ${id}`, timeoutMs, runtime, stopping, signal: options.signal },
    async (signal) => {
      let connection = await reachOneOf(context.known(), signal);
      for (const hops of hopsOfRounds) {
        connection ??= await reachOneOf(await context.ask(hops, signal), signal);
        signal.throwIfAborted();
      }
      connection ??= await reachOneOf(await context.seek(signal), signal);
      signal.throwIfAborted();
      if (connection !== undefined) return connection;
      throw failure ?? unknownNode(id, context.neighbours());
    },
  );
}

function unknownNode(id: string, neighbours: number): PeerloomError {
  const asked =
    neighbours === 0
      ? 'this node has no neighbour to ask: connect with a node of the network first'
      : `none of the nodes that ${neighbours === 1 ? 'its neighbour' : `its ${neighbours} neighbours`} could ask knows one: it may be offline, or connected with none of them; connect by its address`;
  return new PeerloomError('ERR_NODE_UNKNOWN', `no address of the node ${id} is known, and ${asked}`);
}
