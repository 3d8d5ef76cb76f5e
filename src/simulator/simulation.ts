/// <reference lib="esnext.disposable" preserve="true" />

import { checkOptions, checkType, shown } from '../base/arguments.ts';
import { provideParts } from '../node/load-part.ts';
import type { Node } from '../node/node.ts';
import { parts } from '../node/parts-on-demand.ts';
import { provideZlib } from '../wire/compression/codecs.ts';
import * as zlibAtOnce from '../wire/compression/zlib-at-once.ts';
import type { Duration } from './duration.ts';
import { applyFault } from './faults/apply-fault.ts';
import { Churn, type ChurnOptions } from './faults/churn.ts';
import type { Fault, TimedFault } from './faults/fault.ts';
import { Faulty } from './faults/faulty.ts';
import type { WhichNodes } from './faults/pick-nodes.ts';
import { Guard } from './guard/guard.ts';
import type { MachineWorld, Run } from './machines/machine.ts';
import { Machines } from './machines/machines.ts';
import { factoryOf, type NodeClass, type NodeFactory } from './machines/node-factory.ts';
import { SimulatedNetwork } from './network/simulated-network.ts';
import {
  checkQuality,
  type RunUntil,
  type SimulationEvents,
  type SimulationOptions,
  type SpawnOptions,
  simulationOptionNames,
} from './simulation-options.ts';
import { dayMs, TimeDriver } from './time-driver.ts';
import { VirtualRuntime } from './virtual-runtime.ts';
import { checkWhen, type InvariantCheck, type InvariantOptions } from './watch/invariants.ts';
import { Metrics } from './watch/metrics.ts';
import type { TraceEntry } from './watch/trace.ts';
import { Watch } from './watch/watch.ts';
import { WorldListeners } from './world-listeners.ts';

/**
 * A world of simulated nodes: your own Node subclass, unchanged, by the thousand, in one process and on virtual time.
 * A seed decides everything that happens: the same seed and program give the same run, event for event.
 * docs/simulator.md is the guide.
 *
 * @example
 * const world = new Simulation({ seed: 7, latencyMs: { from: 10, to: 100 } });
 * const nodes = world.spawn(100, MyNode);
 * await world.settle(nodes[0].connectWithNode(nodes[1].host, nodes[1].port));
 * await world.run({ minutes: 5 });
 */
export class Simulation extends Faulty {
  /** The seed that decides this world. */
  readonly seed: number;
  readonly #runtime: VirtualRuntime;
  readonly #network: SimulatedNetwork;
  readonly #guard: Guard | undefined;
  readonly #time: TimeDriver;
  readonly #world: MachineWorld;
  readonly #machines: Machines;
  /** The faults that the program asks for do not happen. */
  readonly #hasGivenFaults: boolean;
  readonly #watch: Watch;
  readonly #listeners = new WorldListeners();
  readonly #faults: TimedFault[] = [];

  /** @throws TypeError or RangeError with the option, the rule and the value. */
  constructor(options: SimulationOptions = {}) {
    super();
    checkOptions(options, simulationOptionNames);
    const { seed = 0, only = {}, mode = 'wire', guard = true, ...quality } = options;
    checkOptions(only, ['nodes', 'faults'], 'only');
    checkType('guard', guard, 'boolean');
    if (mode !== 'wire' && mode !== 'fast')
      throw new TypeError(`mode must be 'wire' or 'fast', not ${shown(mode)}`);
    // Virtual time does not wait until a page has loaded them.
    provideParts(parts);
    provideZlib(zlibAtOnce);
    this.#runtime = new VirtualRuntime({ seed });
    this.seed = seed;
    this.#hasGivenFaults = only.faults !== undefined;
    this.#network = new SimulatedNetwork(
      this.#runtime,
      this.#runtime.chance,
      checkQuality(quality),
      mode === 'fast',
    );
    this.#world = { runtime: this.#runtime, network: this.#network };
    this.#machines = new Machines({
      world: this.#world,
      only: only.nodes && new Set(only.nodes),
      onMade: (run) => this.#start(run),
    });
    this.#guard = guard ? new Guard((problem, cause) => this.#onComplaint(problem, cause)) : undefined;
    this.#watch = new Watch({
      checksDeliveries: mode === 'wire',
      seed,
      now: () => this.now,
      running: () => this.#machines.running.length,
      faults: this.#faults,
      isHeard: () => this.#listeners.of('event').size > 0,
      onEvent: (event) => this.#listeners.emit('event', event),
    });
    this.#time = new TimeDriver({ runtime: this.#runtime, watch: this.#watch, guard: this.#guard });
    // After everything else of that moment, as in the run in which the program asked for them.
    for (const { at, fault } of only.faults ?? []) this.#runtime.atEndOf(at, () => this.#happen(fault));
  }

  /** Milliseconds of virtual time since the world began. */
  get now(): number {
    return this.#runtime.now();
  }

  /** The nodes in the order of spawning. A restarted node replaces its predecessor. Some may have stopped or crashed. */
  get nodes(): readonly Node[] {
    return this.#machines.all.map(({ run }) => run.node);
  }

  /** Whether nothing is left to do, see {@link Simulation.idle}. */
  get isIdle(): boolean {
    return this.#network.underWay === 0 && !this.#runtime.hasWork;
  }

  /** Whether an invariant did not hold, so that a run has rejected. All further runs reject too. */
  get hasFailed(): boolean {
    return this.#watch.hasFailed;
  }

  /** A hash over all events so far: equal for equal runs, on every machine and runtime. */
  get digest(): string {
    return this.#watch.trace.digest;
  }

  /** Every fault that has happened, with its moment. `churn` adds one whenever a node leaves or comes back. */
  get faults(): readonly TimedFault[] {
    return [...this.#faults];
  }

  /** The state of the world now. */
  get metrics(): Metrics {
    const { trace, spread, broadcasts } = this.#watch;
    return new Metrics({
      timeMs: this.now,
      machines: this.#machines.all,
      bytes: this.#network.bytes,
      transmissions: this.#network.transmissions,
      events: trace.count,
      faults: this.#faults.length,
      spread: spread.spread,
      broadcasts: broadcasts.totals,
      graph: () => this.#watch.graphOf(this.#machines.running.map(({ run }) => run)),
    });
  }

  /** The number of a node, which stays the same when it restarts; `undefined` for a node of another world. */
  indexOf(node: Node): number | undefined {
    return this.#watch.indexOf(node);
  }

  /** Whether the node runs: it has neither stopped nor crashed, and no later one has taken its place. */
  isRunning(node: Node): boolean {
    const machine = this.#machines.byNumber.get(this.indexOf(node) ?? -1);
    return machine !== undefined && machine.run.node === node && machine.run.isRunning;
  }

  /** The last events of all nodes, the oldest first. */
  lastEvents(count: number): readonly TraceEntry[] {
    return this.#watch.trace.last(count);
  }

  /**
   * Makes nodes and starts them. They listen once the world has run for a moment.
   *
   * @param make their class, or a function that makes a node from its `host`, `port` and `options`. When a node restarts,
   * it is called again.
   * @returns the nodes, in a list that is kept up to date: a node that restarts takes the place of its predecessor.
   */
  spawn<Made extends Node>(
    count: number,
    make: NodeClass<Made> | NodeFactory<Made>,
    options: SpawnOptions = {},
  ): Made[] {
    if (!Number.isSafeInteger(count) || count < 0)
      throw new RangeError(`count must be a whole number, 0 or more, not ${shown(count)}`);
    const factory = factoryOf(make);
    checkOptions(options, ['region', 'reachable']);
    const spawn = (): Made[] => this.#machines.spawn(count, factory, options);
    return this.#guard === undefined ? spawn() : this.#guard.during(spawn);
  }

  /**
   * Moves virtual time on, and lets everything happen that falls due.
   *
   * @param span for how long, or until what.
   * @throws SimulationError if an invariant does not hold; what `start` of a node rejects with; PeerloomError
   * `ERR_TIMEOUT` if what `until` asks has not come about in time.
   */
  async run(span: Duration | RunUntil): Promise<void> {
    await this.#time.run(span);
  }

  /**
   * Moves virtual time on until a promise settles.
   *
   * @param within how long that may take at most. Default: one day.
   * @returns what the promise resolves to.
   * @throws what the promise rejects with, what {@link Simulation.run} throws, and PeerloomError `ERR_TIMEOUT` if it does not settle
   * in time.
   */
  async settle<Value>(promise: Promise<Value>, within: Duration = dayMs): Promise<Value> {
    return this.#time.settle(promise, within);
  }

  /**
   * Moves virtual time on until nothing is left to do: nothing is under way but the pings that nodes send by themselves,
   * and no timer waits but those that nodes set for as long as they run, such as the one that looks for silent peers.
   *
   * @param within how long that may take at most. Default: one day.
   * @throws what {@link Simulation.run} throws; PeerloomError `ERR_TIMEOUT` if something is always left to do.
   */
  async idle(within: Duration = dayMs): Promise<void> {
    await this.#time.until(() => this.isIdle, within, 'there is still something to do');
  }

  /**
   * Checks from now on that something holds, see {@link InvariantCheck}. If it does not, the run fails with a
   * {@link SimulationError}, which names the seed, the time and the last events.
   *
   * @returns a function that takes the invariant away again.
   */
  invariant(name: string, check: InvariantCheck, options: InvariantOptions = {}): () => void {
    checkType('name', name, 'string');
    checkType('check', check, 'function');
    const when = checkWhen(options);
    return this.#watch.invariants.add({ name, check, when }, this.now);
  }

  /** Adds a listener, which is called in order with others. */
  on<Name extends keyof SimulationEvents>(name: Name, listener: SimulationEvents[Name]): this {
    this.#listeners.of(name).add(listener, false);
    return this;
  }

  /** Removes a listener that {@link Simulation.on} added. */
  off<Name extends keyof SimulationEvents>(name: Name, listener: SimulationEvents[Name]): this {
    this.#listeners.of(name).remove(listener);
    return this;
  }

  override apply(fault: Fault): void {
    if (!this.#hasGivenFaults) this.#happen(fault);
  }

  #happen(fault: Fault): void {
    applyFault(
      {
        network: this.#network,
        machines: this.#machines.byNumber,
        stop: ({ run }) => this.#time.expect(run.stop()),
        restart: (machine, hasNewIdentity) => this.#machines.boot(machine, hasNewIdentity),
      },
      fault,
    );
    const timed = { at: this.now, fault };
    this.#faults.push(timed);
    this.#watch.onFault(timed);
    this.#listeners.emit('fault', timed);
  }

  /** Makes faults happen at their moments. Those whose moment has passed happen as soon as the world runs. */
  schedule(faults: readonly TimedFault[]): void {
    for (const { at, fault } of faults) {
      this.#runtime.setTimeout(() => this.apply(fault), Math.max(0, at - this.now));
    }
  }

  override churn(options: ChurnOptions): () => void {
    const churn = new Churn(options, {
      runtime: this.#runtime,
      chance: this.#machines.chanceOf('churn'),
      running: () => this.#machines.running.map(({ index }) => index),
      apply: (fault) => this.apply(fault),
    });
    churn.start();
    return () => churn.stop();
  }

  /** Resumes paused nodes, stops all nodes that run, and checks all invariants a last time. */
  async end(): Promise<void> {
    for (const machine of this.#machines.running) if (machine.isPaused) machine.resume();
    await this.settle(Promise.all(this.#machines.running.map(({ run }) => run.stop())));
  }

  /** @see Simulation.end */
  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  /** @internal */
  override numbersOf(kind: string, which: WhichNodes, running = true): number[] {
    if (typeof which === 'number') return this.#machines.pick(kind, which, running);
    const nodes = Array.isArray(which) ? (which as readonly Node[]) : [which as Node];
    return nodes.map((node) => {
      const index = this.indexOf(node);
      if (index !== undefined) return index;
      throw new TypeError(`${kind} needs nodes of this world, not ${shown(node)}`);
    });
  }

  #start(run: Run): void {
    this.#watch.add(run);
    this.#time.expect(run.start());
  }

  #onComplaint(problem: string, cause: Error): void {
    const machine = this.#machines.byNumber.get(this.#network.working?.place.index ?? -1);
    const nodes = machine === undefined ? [] : [machine.run.node];
    this.#watch.fail({ invariant: 'the seed decides everything', problem, nodes, cause });
  }
}
