import type { NodeEventName } from '../../api/events.ts';
import type { NodeConnection } from '../../api/node-connection.ts';
import type { Node } from '../../node/node.ts';
import type { BroadcastSight } from '../../overlay/router.ts';
import type { TimedFault } from '../faults/fault.ts';
import type { Run } from '../machines/machine.ts';
import { SimulationError } from '../simulation-error.ts';
import { BroadcastWatch } from './broadcast-watch.ts';
import { Deliveries } from './deliveries.ts';
import type { Graph } from './graph.ts';
import { type Broken, Invariants } from './invariants.ts';
import { type Court, type Happened, RunWitness } from './run-witness.ts';
import { SpreadWatch } from './spread.ts';
import { Trace } from './trace.ts';

/** An event of a node, as {@link Simulation.on} passes it on. */
export interface WorldEvent {
  /** Milliseconds since the world began. */
  readonly at: number;
  /** The node that reported the event. */
  readonly node: Node;
  /** The number of the node. */
  readonly index: number;
  /** The name of the event. */
  readonly event: NodeEventName;
  /** The connection that the event is about, if there is one. */
  readonly peer: NodeConnection | undefined;
  /** The message, the request, or whatever else the event carries. */
  readonly data: unknown;
}

export interface WatchOptions {
  /** Whether to check that messages arrive once, and in order. */
  readonly checksDeliveries: boolean;
  readonly seed: number;
  readonly now: () => number;
  /** Returns how many nodes run. */
  readonly running: () => number;
  readonly faults: readonly TimedFault[];
  /** Returns whether {@link WatchOptions.onEvent} has listeners. */
  readonly isHeard: () => boolean;
  readonly onEvent: (event: WorldEvent) => void;
}

/** How many events a failure shows. */
const shownEvents = 20;

/** Watches all nodes of a world: it checks that their reports are consistent and that the user's invariants hold. */
export class Watch implements Court {
  readonly trace = new Trace();
  readonly spread = new SpreadWatch();
  readonly broadcasts = new BroadcastWatch();
  readonly invariants = new Invariants();
  readonly #options: WatchOptions;
  readonly #indexesOfIds = new Map<string, number>();
  /** The witness of each node's latest run, by the node's number. */
  readonly #witnesses = new Map<number, RunWitness>();
  readonly #indexes = new WeakMap<Node, number>();
  /** The deliveries by the id of the sender, then by the id of the receiver. */
  readonly #deliveries = new Map<string, Map<string, Deliveries>>();
  #hasEvents = false;
  #failure: SimulationError | undefined;
  #isThrown = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Whether a caller has received the failure. */
  get hasFailed(): boolean {
    return this.#isThrown;
  }

  /** The number of a node. Also known for nodes that a restart has replaced. */
  indexOf(node: Node): number | undefined {
    return this.#indexes.get(node);
  }

  /** Starts to watch a node that has not started yet. */
  add(run: Run): void {
    const { node, machine } = run;
    this.#indexes.set(node, machine.index);
    this.#indexesOfIds.set(node.id, machine.index);
    const witness = new RunWitness(run, this);
    node.simulationObserver = witness;
    this.#witnesses.set(machine.index, witness);
  }

  get checksDeliveries(): boolean {
    return this.#options.checksDeliveries;
  }

  indexOfId(id: string): number | undefined {
    return this.#indexesOfIds.get(id);
  }

  deliveries(from: string, to: string): Deliveries {
    let receivers = this.#deliveries.get(from);
    if (receivers === undefined) {
      receivers = new Map();
      this.#deliveries.set(from, receivers);
    }
    let deliveries = receivers.get(to);
    if (deliveries === undefined) {
      deliveries = new Deliveries();
      receivers.set(to, deliveries);
    }
    return deliveries;
  }

  /** Adds a fault to the trace. */
  onFault({ fault }: TimedFault): void {
    this.trace.add(this.#options.now(), -1, fault.kind, -1, -1);
    this.#hasEvents = true;
  }

  /** Checks the invariants that are due. Called when all work is done. @throws SimulationError */
  check(): void {
    const hadEvents = this.#hasEvents;
    this.#hasEvents = false;
    this.#throwFailure();
    const broken = this.invariants.check(this.#options.now(), hadEvents);
    if (broken !== undefined) this.fail(broken);
    this.#throwFailure();
  }

  /** Checks all invariants. Called at the end of a run. @throws SimulationError */
  checkAll(): void {
    this.#throwFailure();
    for (const witness of this.#witnesses.values()) {
      witness.checkCounts();
      witness.checkStopped();
    }
    const broken = this.invariants.checkAll();
    if (broken !== undefined) this.fail(broken);
    this.#throwFailure();
  }

  /** Keeps the first failure. Later failures may be its consequences. */
  fail({ invariant, problem, nodes = [], cause }: Broken): void {
    if (this.#failure !== undefined) return;
    const indexes = nodes.map((node) => this.#indexes.get(node)).filter((index) => index !== undefined);
    const { seed, now, faults } = this.#options;
    const failure = {
      invariant,
      problem,
      seed,
      timeMs: now(),
      nodes: indexes,
      lastEvents: this.trace.last(shownEvents, indexes.length === 0 ? undefined : new Set(indexes)),
      faults: [...faults],
    };
    this.#failure = new SimulationError(failure, { cause });
  }

  #throwFailure(): void {
    if (this.#failure === undefined) return;
    this.#isThrown = true;
    throw this.#failure;
  }

  /** The connections that both sides report. */
  graphOf(runs: readonly Run[]): Graph {
    const peersOf = new Map<number, Set<number>>();
    for (const run of runs) {
      const peers = new Set<number>();
      for (const { id } of this.#witnesses.get(run.machine.index)!.up) {
        const index = this.#indexesOfIds.get(id);
        if (index !== undefined) peers.add(index);
      }
      peersOf.set(run.machine.index, peers);
    }
    for (const [index, peers] of peersOf) {
      for (const peer of peers) if (!peersOf.get(peer)?.has(index)) peers.delete(peer);
    }
    return peersOf;
  }

  broadcast(what: BroadcastSight, id: string, hops: number): void {
    if (what === 'sent') this.broadcasts.sent(id, this.#options.running() - 1);
    else if (what === 'arrived') this.broadcasts.arrived(id, hops);
    else this.broadcasts.repeated();
  }

  happened(run: Run, { event, index, peer, peerIndex, data, hash }: Happened): void {
    this.#hasEvents = true;
    const at = this.#options.now();
    this.trace.add(at, index, event, peerIndex, hash);
    if (event === 'node_message' && peerIndex >= 0) this.spread.received(hash, peerIndex, index);
    if (this.#options.isHeard()) this.#options.onEvent({ at, node: run.node, index, event, peer, data });
  }
}
