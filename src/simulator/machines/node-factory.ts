import type { NodeOptions } from '../../api/options.ts';
import { checkType, shown } from '../../base/arguments.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { Identity } from '../../identity/identity.ts';
import { Node } from '../../node/node.ts';
import type { Transport } from '../../transport/transport.ts';

/** The options of a simulated node. */
export interface SimulatedNodeOptions extends NodeOptions {
  /** Says which node it is. */
  readonly name: string;
  /** The seed decides it. */
  readonly identity: Identity;
  /** The clock, the timers and the chance of this node. */
  readonly runtime: Runtime;
  /** One transport, which reaches the other nodes of the world. */
  readonly transports: readonly Transport[];
}

/** What a factory of {@link Simulation.spawn} is given: pass `host`, `port` and `options` on to the node. */
export interface SpawnPlace {
  /** The number of the node in its world, from 0. It stays the same when the node restarts. */
  readonly index: number;
  /** How often a node was started here before: 0 the first time. */
  readonly restarts: number;
  /** The host that the node listens on, such as `'10.0.0.1'`. */
  readonly host: string;
  /** The port that the node listens on. */
  readonly port: number;
  /**
   * Name, identity, runtime and transports. You may add options, but not take these away.
   */
  readonly options: SimulatedNodeOptions;
}

/** A class of nodes whose constructor takes the arguments of {@link Node}. */
export type NodeClass<Made extends Node = Node> = new (
  host: string,
  port: number,
  options?: NodeOptions,
) => Made;

/** Makes a node for a place. It is called again when the node restarts. */
export type NodeFactory<Made extends Node = Node> = (place: SpawnPlace) => Made;

/**
 * Returns the factory that makes nodes of a class. Returns a factory as it is.
 *
 * @throws TypeError for anything but a class or a function. The function that it returns throws one for a factory that
 * does not return a node.
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
