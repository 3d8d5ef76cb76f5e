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
 * A world of simulated nodes. It runs thousands of nodes of your own unchanged Node subclass in one process and on
 * virtual time. A seed decides everything that happens: the same seed and program give the same run, event for event.
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
  /** Whether only the faults of the option `only` happen, not those of the program. */
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
    // Virtual time cannot wait until a page has loaded these parts.
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
    // These faults happen after everything else of their moment, as in the run in which the program caused them.
    for (const { at, fault } of only.faults ?? []) this.#runtime.atEndOf(at, () => this.#happen(fault));
  }

  /** Milliseconds of virtual time since the world began. */
  get now(): number {
    return this.#runtime.now();
  }

  /**
   * The nodes in the order of spawning. A restarted node replaces its predecessor. Some may have stopped or crashed.
   */
  get nodes(): readonly Node[] {
    return this.#machines.all.map(({ run }) => run.node);
  }

  /** Whether no work is left, see {@link Simulation.idle}. */
  get isIdle(): boolean {
    return this.#network.underWay === 0 && !this.#runtime.hasWork;
  }

  /** Whether a run has rejected because an invariant did not hold. All further runs reject too. */
  get hasFailed(): boolean {
    return this.#watch.hasFailed;
  }

  /** A hash over all events so far. Equal runs have equal digests on every machine and runtime. */
  get digest(): string {
    return this.#watch.trace.digest;
  }

  /** Every fault that has happened, with its time. `churn` adds a fault whenever a node leaves or comes back. */
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

  /** The number of a node. It stays the same when the node restarts. `undefined` if the node is of another world. */
  indexOf(node: Node): number | undefined {
    return this.#watch.indexOf(node);
  }

  /** Whether the node runs: it has neither stopped nor crashed, and no restarted node has replaced it. */
  isRunning(node: Node): boolean {
    const machine = this.#machines.byNumber.get(this.indexOf(node) ?? -1);
    return machine !== undefined && machine.run.node === node && machine.run.isRunning;
  }

  /** The last events of all nodes, the oldest first. */
  lastEvents(count: number): readonly TraceEntry[] {
    return this.#watch.trace.last(count);
  }

  /**
   * Creates nodes and starts them. They listen once the world has run for a moment.
   *
   * @param make the class of the nodes, or a function that creates a node from its `host`, `port` and `options`. It is
   * called again when a node restarts.
   * @returns the nodes. A restarted node replaces its predecessor in this list.
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
   * Advances virtual time, and runs everything that becomes due.
   *
   * @param span how long to run, or the condition until which to run.
   * @throws SimulationError if an invariant does not hold; the error of a node's `start`, if that rejects;
   * PeerloomError `ERR_TIMEOUT` if the condition `until` does not hold in time.
   */
  async run(span: Duration | RunUntil): Promise<void> {
    await this.#time.run(span);
  }

  /**
   * Advances virtual time until a promise settles.
   *
   * @param within how much virtual time this may take. Default: one day.
   * @returns the value of the promise.
   * @throws the error with which the promise rejects; the errors of {@link Simulation.run}; PeerloomError `ERR_TIMEOUT`
   * if the promise does not settle in time.
   */
  async settle<Value>(promise: Promise<Value>, within: Duration = dayMs): Promise<Value> {
    return this.#time.settle(promise, within);
  }

  /**
   * Advances virtual time until no work is left. Two things do not count as work: the pings that nodes send
   * automatically, and the timers that nodes set for as long as they run, such as the check for silent peers.
   *
   * @param within how much virtual time this may take. Default: one day.
   * @throws the errors of {@link Simulation.run}; PeerloomError `ERR_TIMEOUT` if work is left at the end of that time.
   */
  async idle(within: Duration = dayMs): Promise<void> {
    await this.#time.until(() => this.isIdle, within, 'there is still something to do');
  }

  /**
   * Adds an invariant, which is checked from now on, see {@link InvariantCheck}. If it does not hold, the run fails
   * with a {@link SimulationError}, which names the seed, the time and the last events.
   *
   * @returns a function that removes the invariant.
   */
  invariant(name: string, check: InvariantCheck, options: InvariantOptions = {}): () => void {
    checkType('name', name, 'string');
    checkType('check', check, 'function');
    const when = checkWhen(options);
    return this.#watch.invariants.add({ name, check, when }, this.now);
  }

  /** Adds a listener. Listeners are called in the order in which they were added. */
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

  /** Makes faults happen at their times. Faults whose time has passed happen as soon as the world runs. */
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

  /** Resumes paused nodes, stops all running nodes, and checks all invariants for the last time. */
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
