import type { NodeConnection } from '../../api/node-connection.ts';
import { Node } from '../../node/node.ts';
import type { SpawnPlace } from '../../simulator/machines/node-factory.ts';
import type { Latency } from '../../simulator/network/latency.ts';
import { Simulation } from '../../simulator/simulation.ts';
import type { Metrics } from '../../simulator/watch/metrics.ts';

/** The options of a run: the network in which a rumour spreads, and the faults. */
export interface RumourOptions {
  readonly seed: number;
  readonly nodes: number;
  /** How many other nodes each node dials. */
  readonly dials: number;
  readonly latencyMs: Latency;
  /** The probability that a piece of data is lost and sent again. */
  readonly loss: number;
  /** The share of the nodes that crash just before the rumour begins. */
  readonly crash: number;
  /** The share of the nodes that are cut off from the others for the first half of the time. */
  readonly partition: number;
  /** How many nodes crash per minute. They restart a little later. */
  readonly churn: number;
  /** How long the rumour may spread, in virtual seconds. */
  readonly seconds: number;
}

/** The state of a node at the end of a run. */
export interface Member {
  readonly isUp: boolean;
  /** Milliseconds from the beginning of the rumour until the node heard it. `undefined` if it did not. */
  readonly heardAfterMs: number | undefined;
}

/** The outcome of a run. */
export interface RumourRun {
  readonly members: readonly Member[];
  /** The connections when the rumour began, as pairs of numbers of nodes. */
  readonly links: readonly (readonly [number, number])[];
  readonly metrics: Metrics;
  readonly digest: string;
}

/** Called now and then with the present phase, and how much of it is done, from 0 to 1. */
export type OnProgress = (what: string, share: number) => void;

/** Called with the world before it has nodes. */
export type OnWorld = (world: Simulation) => void;

const rumour = 'have you heard?';

/** In how many steps the rumour spreads. The run reports its progress at each step. */
const steps = 50;

/** A node that passes on the rumour when it first hears it, and sends it to each new peer. */
class Gossip extends Node {
  readonly #town: Town;
  heardAtMs: number | undefined;

  constructor(town: Town, { host, port, options }: SpawnPlace) {
    super(host, port, options);
    this.#town = town;
  }

  /** Connects with some other nodes. It ignores nodes that cannot be reached. */
  async join({ runtime }: SpawnPlace['options']): Promise<void> {
    const others = this.#town.pickOthers(this, () => runtime.random('others'));
    await Promise.allSettled(others.map(({ host, port }) => this.connectWithNode(host, port)));
  }

  hear(from?: NodeConnection): void {
    if (this.heardAtMs !== undefined) return;
    this.heardAtMs = this.#town.world.now;
    this.sendToNodes(rumour, { exclude: from === undefined ? [] : [from] });
  }

  override nodeMessage(peer: NodeConnection): void {
    this.hear(peer);
  }

  override inboundNodeConnected(peer: NodeConnection): void {
    this.#greet(peer);
  }

  override outboundNodeConnected(peer: NodeConnection): void {
    this.#greet(peer);
  }

  #greet(peer: NodeConnection): void {
    if (this.heardAtMs !== undefined && peer.isOpen) peer.send(rumour);
  }
}

/** All nodes of a run. */
class Town {
  readonly world: Simulation;
  readonly nodes: readonly Gossip[];
  readonly #options: RumourOptions;
  readonly #onProgress: OnProgress;
  #joined = 0;

  constructor(options: RumourOptions, onProgress: OnProgress, onWorld: OnWorld) {
    const { seed, latencyMs, loss, nodes } = options;
    this.#options = options;
    this.#onProgress = onProgress;
    this.world = new Simulation({ seed, latencyMs, loss });
    onWorld(this.world);
    this.nodes = this.world.spawn(nodes, (place) => this.#make(place));
  }

  #make(place: SpawnPlace): Gossip {
    const node = new Gossip(this, place);
    // The world starts the node after this function has returned.
    queueMicrotask(async () => {
      await node.join(place.options);
      this.#joined += 1;
      if (place.restarts === 0) this.#onProgress('connecting', this.#joined / this.#options.nodes);
    });
    return node;
  }

  /** Picks the nodes that a node dials, all different. */
  pickOthers(node: Gossip, random: () => number): Gossip[] {
    const others = new Set<Gossip>();
    const count = Math.min(this.#options.dials, this.nodes.length - 1);
    while (others.size < count) {
      const other = this.nodes[Math.floor(random() * this.nodes.length)]!;
      if (other !== node) others.add(other);
    }
    return [...others];
  }

  /** Runs the world until every node has connected with the others that it picked. */
  async form(): Promise<void> {
    await this.world.run({ until: () => this.#joined >= this.nodes.length });
  }

  /** All connections, as pairs of numbers of nodes. */
  get links(): [number, number][] {
    const indexOf = new Map(this.nodes.map(({ id }, index) => [id, index]));
    return this.nodes.flatMap((node, index) =>
      [...node.nodesOutbound].map(({ id }): [number, number] => [index, indexOf.get(id)!]),
    );
  }

  async spread(): Promise<void> {
    const { world, nodes } = this;
    const { crash, partition, churn, seconds } = this.#options;
    if (crash > 0) world.crash(crash);
    if (partition > 0) world.partition(nodes.slice(0, Math.round(partition * nodes.length)));
    if (churn > 0) world.churn({ perMinute: churn });
    nodes.findLast((node) => world.isRunning(node))?.hear();
    for (let step = 0; step < steps; step++) {
      this.#onProgress('the rumour spreads', step / steps);
      if (partition > 0 && step === steps / 2) world.heal();
      await world.run((seconds * 1_000) / steps);
    }
  }
}

/**
 * Simulates a rumour among nodes that each dial some others. It begins with one node. Every node that hears it passes
 * it on once to all its peers.
 */
export async function spreadRumour(
  options: RumourOptions,
  onProgress: OnProgress,
  onWorld: OnWorld = () => {},
): Promise<RumourRun> {
  const town = new Town(options, onProgress, onWorld);
  const { world, nodes } = town;
  await town.form();
  const { links } = town;
  const beganAtMs = world.now;
  await town.spread();
  const members = nodes.map((node) => ({
    isUp: world.isRunning(node),
    heardAfterMs: node.heardAtMs === undefined ? undefined : node.heardAtMs - beganAtMs,
  }));
  return { members, links, metrics: world.metrics, digest: world.digest };
}
