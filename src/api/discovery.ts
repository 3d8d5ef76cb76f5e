import { hasMethods, shown } from '../base/arguments.ts';
import type { Runtime } from '../base/runtime.ts';

/** A node that a {@link Discovery} has found. */
export interface FoundNode {
  /** The address at which it can be dialled, as for `connectWithNode`: at most 256 characters. */
  readonly address: string;
  /** Its id, if known. No other node is then accepted at this address. */
  readonly id?: string | undefined;
  /**
   * Whether the node dials this address for as long as it runs, however often that fails: for addresses that the user
   * named. Default false: after a few failures in a row the node forgets the address.
   */
  readonly isPermanent?: boolean | undefined;
  /**
   * Whether the address comes from strangers, as in a DHT. This node then dials it once, and only a few such addresses
   * a minute, so that an attacker cannot turn a whole network against a victim. Default false.
   */
  readonly isTold?: boolean | undefined;
  /** When this node was last connected with it, in milliseconds since 1970, if an earlier run remembered that. */
  readonly lastConnectedAt?: number | undefined;
}

/** What this node knows of another node. */
export interface KnownNode {
  /** The id of the node. */
  readonly id: string;
  /** Where it can be dialled, the best address first. Empty for a node that only dials. */
  readonly addresses: readonly string[];
  /**
   * How this node learned of it: the name of a {@link Discovery}; `'connection'` if a connection came first; `'nodes'`
   * if other nodes told of it.
   */
  readonly source: string;
  /** Whether the two nodes are connected now. */
  readonly isConnected: boolean;
  /** Whether this node has dialled the first address and reached that very node. */
  readonly isProven: boolean;
  /** When the two nodes were last connected, in milliseconds since 1970. `undefined`: never, as far as it is known. */
  readonly lastConnectedAt: number | undefined;
}

/** What a {@link Discovery} gets from its node. */
export interface DiscoveryHost {
  /** The node's id. */
  readonly id: string;
  /** The name of the node's network. */
  readonly network: string;
  /** The addresses on which the node listens. `0.0.0.0` and `::` stand for all addresses of the machine. */
  readonly addresses: readonly string[];
  /** The source of time and randomness. A discovery that uses only this one also runs in simulations. */
  readonly runtime: Runtime;
  /** Prints a step if debugging is on (`debug`, or `DEBUG=peerloom:discovery`). */
  readonly log: (text: string) => void;
  /**
   * Reports a node. The same node may be reported again and again. The node remembers a bounded number of addresses,
   * and takes at most 16 new ones a second from each discovery, with a burst of 128.
   *
   * @returns false if the node does not take the address: none of its transports can dial it, or there are too many.
   * @throws TypeError for an id that no node can have, or fields of the wrong type.
   */
  found(node: FoundNode): boolean;
  /** Reports a failure that nobody awaits, as `node_error`. */
  failed(error: Error): void;
}

/**
 * A way to find other nodes. The option `discovery` takes those of this package, and your own.
 *
 * @example
 * class Lobby implements Discovery {
 *   readonly name = 'lobby';
 *   async start(host: DiscoveryHost) {
 *     const answer = await fetch('https://lobby.example.org/nodes');
 *     for (const address of (await answer.json()) as string[]) host.found({ address });
 *   }
 *   stop() {}
 * }
 * new Node('0.0.0.0', 10001, { discovery: [new Lobby()] });
 */
export interface Discovery {
  /** Names it in `knownNodes`, in logs and in errors: 1 to 64 characters. */
  readonly name: string;
  /**
   * Begins to look. Called when the node listens; `node.start()` waits for its promise, and rejects with what it
   * throws.
   */
  start(host: DiscoveryHost): void | Promise<void>;
  /** Stops looking. Called once for each `start` that succeeded; nothing may be found afterwards. */
  stop(): void | Promise<void>;
  /**
   * Looks for a node of which only the id is known. `connectWithNode(id)` calls it if this node and its peers know no
   * working address, and dials the returned addresses in order, at most 8 of them.
   *
   * @returns an empty list if it does not find the node.
   */
  find?(id: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * A connection with a node is up. The addresses are worth remembering: this node has dialled them, or they have the
   * host that the connection comes from.
   */
  connected?(node: KnownNode): void;
  /** A connection with a node has ended. */
  disconnected?(node: KnownNode): void;
}

const discoveryMethods = ['start', 'stop'] as const satisfies readonly (keyof Discovery)[];

/** Bounded because each discovery may keep addresses in memory, and receives all events. */
const maxDiscoveries = 16;

/** @throws TypeError or RangeError with the rule and the value. */
export function checkDiscoveries(discoveries: readonly Discovery[]): readonly Discovery[] {
  if (!Array.isArray(discoveries)) {
    throw new TypeError(`discovery must be a list such as [bootstrap(['…'])], not ${shown(discoveries)}`);
  }
  if (discoveries.length > maxDiscoveries) {
    throw new RangeError(`discovery must hold at most ${maxDiscoveries} entries, not ${discoveries.length}`);
  }
  for (const discovery of discoveries) {
    if (!hasMethods(discovery, discoveryMethods)) {
      throw new TypeError(
        `each of discovery must be a Discovery such as bootstrap(['…']), not ${shown(discovery)}`,
      );
    }
    const { name } = discovery;
    if (typeof name !== 'string' || name.length < 1 || name.length > 64) {
      throw new TypeError(`the name of a discovery must have 1 to 64 characters, not ${shown(name)}`);
    }
  }
  return [...discoveries];
}
