import type { NodeOptions } from '../../api/options.ts';
import { checkType, shown } from '../../base/arguments.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { Identity } from '../../identity/identity.ts';
import { Node } from '../../node/node.ts';
import type { Transport } from '../../transport/transport.ts';

/** The options of a simulated node. */
export interface SimulatedNodeOptions extends NodeOptions {
  /** The name of the node, with its number. */
  readonly name: string;
  /** The identity of the node, which the seed decides. */
  readonly identity: Identity;
  /** The clock, the timers and the random numbers of this node. */
  readonly runtime: Runtime;
  /** One transport, which reaches the other nodes of the world. */
  readonly transports: readonly Transport[];
}

/** The argument of a factory for {@link Simulation.spawn}. Pass `host`, `port` and `options` on to the node. */
export interface SpawnPlace {
  /** The number of the node in its world, from 0. It stays the same when the node restarts. */
  readonly index: number;
  /** How often this node has been restarted. 0 the first time. */
  readonly restarts: number;
  /** The host that the node listens on, such as `'10.0.0.1'`. */
  readonly host: string;
  /** The port that the node listens on. */
  readonly port: number;
  /** The node's name, identity, runtime and transports. You may add options, but must keep these. */
  readonly options: SimulatedNodeOptions;
}

/** A class of nodes whose constructor takes the arguments of {@link Node}. */
export type NodeClass<Made extends Node = Node> = new (
  host: string,
  port: number,
  options?: NodeOptions,
) => Made;

/** Creates a node for a place. Called again when the node restarts. */
export type NodeFactory<Made extends Node = Node> = (place: SpawnPlace) => Made;

/**
 * Returns a factory that creates nodes of a class. A function counts as a factory already.
 *
 * @throws TypeError if the argument is neither a class nor a function. The returned factory throws a TypeError if the
 * given function does not return a node.
 */
export function factoryOf<Made extends Node>(make: NodeClass<Made> | NodeFactory<Made>): NodeFactory<Made> {
  checkType('make', make, 'function');
  if (isNodeClass(make)) return ({ host, port, options }) => new make(host, port, options);
  return (place) => {
    const node: unknown = make(place);
    if (node instanceof Node) return node as Made;
    throw new TypeError(`the function that makes nodes must return a Node, not ${shown(node)}`);
  };
}

function isNodeClass<Made extends Node>(make: NodeClass<Made> | NodeFactory<Made>): make is NodeClass<Made> {
  return make === (Node as unknown) || make.prototype instanceof Node;
}
