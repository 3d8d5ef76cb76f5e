/// <reference lib="esnext.disposable" preserve="true" />

import type { ConnectOptions } from '../../api/connect-options.ts';
import type { NodeOptions } from '../../api/options.ts';
import { checkOptions, messageOf, shown } from '../../base/arguments.ts';
import { isPeerloomError } from '../../base/errors.ts';
import { printError } from '../../base/print-error.ts';
import { type RuntimeTimer, systemRuntime } from '../../base/runtime.ts';
import type { Node } from '../../node/node.ts';
import { type Duration, millisecondsIn } from '../duration.ts';
import { factoryOf, type NodeClass, type NodeFactory } from '../machines/node-factory.ts';
import { Simulation } from '../simulation.ts';
import { type SimulationOptions, simulationOptionNames } from '../simulation-options.ts';
import { type LeftTimer, LeftTimers } from './left-timers.ts';
import { type Topology, topologies } from './topology.ts';

/** The options of a {@link TestNetwork}. */
export interface TestNetworkOptions extends SimulationOptions {
  /**
   * Which nodes are connected at the beginning. `'mesh'`: each with each. `'line'`: each with the node before it.
   * `'ring'`: a line whose ends are connected. `'star'`: each with the first. `'none'`: no connections.
   * Default `'mesh'`.
   */
  readonly topology?: Topology;
  /** How the nodes connect, for example with `{ reconnect: true }`. */
  readonly connect?: ConnectOptions;
  /** Further options for each node, in addition to its name, identity, runtime and transports. */
  readonly options?: Omit<NodeOptions, 'name' | 'identity' | 'runtime' | 'transports'>;
}

/** One run of a node, with the timers that the node and its user's code have set. */
interface Watched {
  readonly index: number;
  readonly timers: LeftTimers;
  hasCrashed: boolean;
}

const hour: Duration = { hours: 1 };

/** After this much real time, a waiting test has probably forgotten to advance the virtual time. In milliseconds. */
const standstillMs = 1_000;

/** How long the nodes may take to stop. */
const maxStop: Duration = { minutes: 1 };

/**
 * A network for tests: started and connected nodes of your own class, in memory and on virtual time. Time advances only
 * while you wait for something, and waiting never sleeps. docs/testing.md is the guide.
 *
 * At the end it stops all nodes, and fails the test if nodes or timers are left.
 *
 * @example
 * test('everybody hears of it', async () => {
 *   await using network = await TestNetwork.of(5, MyNode);
 *   network.nodes[0].sendToNodes('hello');
 *   await network.settle();
 *   for (const node of network.nodes.slice(1)) assert.deepEqual(node.heard, ['hello']);
 * });
 */
export class TestNetwork<Made extends Node = Node> {
  /** The nodes, in the order of their numbers. A node that `world` restarts replaces its predecessor. */
  readonly nodes: readonly Made[];
  /** The world in which they run. It can break links, crash and restart nodes, and more: docs/simulator.md. */
  readonly world: Simulation;
  readonly #watched: readonly Watched[];
  #stopped: Promise<void> | undefined;
  /** The real timer that runs while virtual time does not advance. */
  #standstill: RuntimeTimer | undefined;

  private constructor(nodes: readonly Made[], world: Simulation, watched: readonly Watched[]) {
    this.nodes = nodes;
    this.world = world;
    this.#watched = watched;
  }

  /**
   * Creates a network, and resolves when its nodes are connected.
   *
   * @param count how many nodes.
   * @param make the class of the nodes, or a function that creates a node from its `host`, `port` and `options`.
   * @throws TypeError or RangeError for wrong arguments; the error of a node that cannot start or connect.
   */
  static async of<Made extends Node>(
    count: number,
    make: NodeClass<Made> | NodeFactory<Made>,
    options: TestNetworkOptions = {},
  ): Promise<TestNetwork<Made>> {
    const factory = factoryOf(make);
    checkOptions(options, ['topology', 'connect', 'options', ...simulationOptionNames]);
    const { topology = 'mesh', connect, options: nodeOptions, ...worldOptions } = options;
    if (!Object.hasOwn(topologies, topology)) {
      const known = Object.keys(topologies).join(', ');
      throw new TypeError(`topology must be one of ${known}, not ${shown(topology)}`);
    }
    const world = new Simulation(worldOptions);
    const watched: Watched[] = [];
    const nodes = world.spawn(count, (place) => {
      const timers = new LeftTimers();
      watched.push({ index: place.index, timers, hasCrashed: false });
      const runtime = timers.of(place.options.runtime);
      return factory({ ...place, options: { ...nodeOptions, ...place.options, runtime } });
    });
    world.on('fault', ({ fault }) => {
      if (fault.kind !== 'crash') return;
      for (const one of watched) if (fault.nodes.includes(one.index)) one.hasCrashed = true;
    });
    const network = new TestNetwork<Made>(nodes, world, watched);
    const dials = topologies[topology](count).map(([from, to]) => network.#dial(from, to, connect));
    try {
      await network.until(Promise.all(dials));
      await network.settle();
      return network;
    } catch (error) {
      network.#standstill?.cancel();
      throw error;
    }
  }

  async #dial(from: number, to: number, options: ConnectOptions | undefined): Promise<void> {
    const { host, port } = this.nodes[to]!;
    try {
      await this.nodes[from]!.connectWithNode(host, port, options);
    } catch (error) {
      throw new Error(`node ${from} cannot connect with node ${to}: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * Advances time until no work is left: messages and their handlers, dials, timers, and everything that follows from
   * them. Checks for silent peers do not count as work.
   *
   * @param within how much virtual time this may take. Default: one hour.
   * @throws Error if it takes longer. That happens if a timer is set repeatedly, or if a node never stops trying to
   * reconnect to a crashed node. Use {@link TestNetwork.until} to wait for something in particular.
   */
  async settle(within: Duration = hour): Promise<void> {
    const { world } = this;
    try {
      await this.#drive(() => world.idle(within));
    } catch (error) {
      if (!isTimeout(error)) throw error;
      const waiting = this.#watched
        .filter(({ hasCrashed }) => !hasCrashed)
        .flatMap(({ index, timers }) =>
          timers.all.filter(({ isWatching }) => !isWatching).map((timer) => describe(index, timer)),
        );
      const seconds = millisecondsIn(within) / 1_000;
      throw new Error(`the network has not settled in ${seconds} s of virtual time${listed(waiting)}`, {
        cause: error,
      });
    }
  }

  /**
   * Advances time until a promise settles, and returns its value. Tests await all promises of nodes through this
   * method, because time does not advance otherwise.
   *
   * @param within how much virtual time this may take. Default: one hour.
   * @example
   * const answer = await network.until(connection.request('how are you?'));
   */
  until<Value>(promise: PromiseLike<Value>, within?: Duration): Promise<Value>;
  /**
   * Advances time until a condition holds. The condition is checked whenever all work of a moment is done.
   *
   * @throws Error if the condition does not hold within that time. Default: one hour.
   * @example
   * await network.until(() => network.nodes.every((node) => node.heard.length === 3));
   */
  until(condition: () => boolean, within?: Duration): Promise<void>;
  async until(wanted: PromiseLike<unknown> | (() => boolean), within: Duration = hour): Promise<unknown> {
    const { world } = this;
    if (typeof wanted === 'function') return this.#drive(() => world.run({ until: wanted, within }));
    return this.#drive(() => world.settle(Promise.resolve(wanted), within));
  }

  /** Lets virtual time advance. If the test then waits although time does not advance, a message explains why. */
  async #drive<Value>(run: () => Promise<Value>): Promise<Value> {
    this.#standstill?.cancel();
    try {
      return await run();
    } finally {
      this.#standstill = systemRuntime.setTimeout(() => this.#onStandstill(), standstillMs);
    }
  }

  #onStandstill(): void {
    if (this.world.isIdle || this.#stopped !== undefined) return;
    printError(
      'something is under way in a TestNetwork, whose time stands still: let it arrive with `await network.settle()`, and wait for a promise of a node with `await network.until(promise)`',
    );
  }

  /**
   * Stops all nodes, and checks that nothing is left of them. `await using` calls it. Further calls return the same
   * promise.
   *
   * @throws Error if a node does not stop, or if a timer is left that the nodes' code has set.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    try {
      // The test already knows of a failure of the world.
      if (!this.world.hasFailed) await this.#stopNodes();
    } finally {
      this.#standstill?.cancel();
    }
  }

  async #stopNodes(): Promise<void> {
    const { world } = this;
    const running = world.nodes.filter((node) => world.isRunning(node));
    // Paused nodes and nodes that are cut off could not say goodbye.
    world.heal();
    world.resume(running);
    const stopping = new Set(running);
    const stops = running.map((node) => node.stop().finally(() => stopping.delete(node)));
    try {
      await this.until(Promise.all(stops), maxStop);
    } catch (error) {
      if (!isTimeout(error)) throw error;
      const names = Array.from(stopping, (node) => `node ${world.indexOf(node)}`);
      throw new Error(`${names.join(', ')} cannot stop: does its handler of node_request_to_stop return?`);
    }
    const left = this.#watched
      .filter(({ hasCrashed }) => !hasCrashed)
      .flatMap(({ index, timers }) => timers.all.map((timer) => describe(index, timer)));
    if (left.length > 0)
      throw new Error(`the nodes have stopped, but timers of theirs are left${listed(left)}`);
  }

  /** @see TestNetwork.stop */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function isTimeout(error: unknown): boolean {
  return isPeerloomError(error) && error.code === 'ERR_TIMEOUT';
}

/** The most timers that are listed. A node may leave very many. */
const maxListed = 10;

function describe(index: number, { at, place }: LeftTimer): string {
  return `a timer of node ${index}, due at ${at} ms${place === '' ? '' : `, set in ${place}`}`;
}

function listed(lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const more = lines.length > maxListed ? `\n  and ${lines.length - maxListed} more` : '';
  return `:${lines
    .slice(0, maxListed)
    .map((line) => `\n  ${line}`)
    .join('')}${more}`;
}
