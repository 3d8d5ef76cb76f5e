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
   * Which nodes are connected when the network is handed out: `'mesh'`, each with each; `'line'`, each with the one
   * before it; `'ring'`, a line whose ends are connected; `'star'`, each with the first; `'none'`. Default `'mesh'`.
   */
  readonly topology?: Topology;
  /** How the nodes connect, for example with `{ reconnect: true }`. */
  readonly connect?: ConnectOptions;
  /** Options that each node gets beside its name, identity, runtime and transports. */
  readonly options?: Omit<NodeOptions, 'name' | 'identity' | 'runtime' | 'transports'>;
}

/** One run of a node, with the timers that it and its user's code have set. */
interface Watched {
  readonly index: number;
  readonly timers: LeftTimers;
  hasCrashed: boolean;
}

const hour: Duration = { hours: 1 };

/** After so much real time, a test that waits for a node seems to have forgotten that time stands still. */
const standstillMs = 1_000;

/** How long the nodes may take to stop. */
const maxStop: Duration = { minutes: 1 };

/**
 * A network for tests: nodes of your own class, in memory and on virtual time, started and connected. Time stands still
 * until you wait for something, and no wait sleeps. docs/testing.md is the guide.
 *
 * At the end it stops all nodes and fails the test if they have left something behind.
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
  /** The nodes, in the order of their numbers. A node that `world` restarts takes the place of its predecessor. */
  readonly nodes: readonly Made[];
  /** The world in which they run. It can break links, crash and restart nodes, and more: docs/simulator.md. */
  readonly world: Simulation;
  readonly #watched: readonly Watched[];
  #stopped: Promise<void> | undefined;
  /** Waits while time stands still. */
  #standstill: RuntimeTimer | undefined;

  private constructor(nodes: readonly Made[], world: Simulation, watched: readonly Watched[]) {
    this.nodes = nodes;
    this.world = world;
    this.#watched = watched;
  }

  /**
   * Makes a network, and resolves when its nodes are connected.
   *
   * @param count how many nodes.
   * @param make their class, or a function that makes a node from its `host`, `port` and `options`.
   * @throws TypeError or RangeError for wrong arguments; whatever keeps a node from starting or connecting.
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
   * Lets everything happen that is under way, and all that follows from it: messages and their handlers, dials, timers.
   * Resolves when nothing is left to do but to look whether peers still live.
   *
   * @param within how much virtual time that may take. Default: one hour.
   * @throws Error if it takes longer, as it does with a timer that is set again and again, or with a node that tries for
   * ever to connect again with one that has crashed. {@link TestNetwork.until} waits for something in particular.
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
   * Lets everything happen until a promise settles, and returns what it resolves to. Whatever a test awaits of a node goes
   * through here, since time stands still otherwise.
   *
   * @param within how much virtual time that may take. Default: one hour.
   * @example
   * const answer = await network.until(connection.request('how are you?'));
   */
  until<Value>(promise: PromiseLike<Value>, within?: Duration): Promise<Value>;
  /**
   * Lets everything happen until a condition holds. It is asked whenever all work of a moment is done.
   *
   * @throws Error if it does not hold within that time. Default: one hour.
   * @example
   * await network.until(() => network.nodes.every((node) => node.heard.length === 3));
   */
  until(condition: () => boolean, within?: Duration): Promise<void>;
  async until(wanted: PromiseLike<unknown> | (() => boolean), within: Duration = hour): Promise<unknown> {
    const { world } = this;
    if (typeof wanted === 'function') return this.#drive(() => world.run({ until: wanted, within }));
    return this.#drive(() => world.settle(Promise.resolve(wanted), within));
  }

  /** Lets time pass. When it stands still again, and the test waits for something that needs time, it learns why. */
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
   * Stops all nodes, and checks that they left nothing behind. `await using` calls it. Calling it again waits for the same
   * end.
   *
   * @throws Error if a node does not stop, or if a timer is left that code of the nodes has set.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    try {
      // The test has heard of it.
      if (!this.world.hasFailed) await this.#stopNodes();
    } finally {
      this.#standstill?.cancel();
    }
  }

  async #stopNodes(): Promise<void> {
    const { world } = this;
    const running = world.nodes.filter((node) => world.isRunning(node));
    // A node that is paused or cut off could not say goodbye.
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

/** How many timers are listed; a node that sets one after another may have very many. */
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
