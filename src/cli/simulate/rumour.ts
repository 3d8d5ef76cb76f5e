import type { NodeConnection } from '../../api/node-connection.ts';
import { Node } from '../../node/node.ts';
import type { SpawnPlace } from '../../simulator/machines/node-factory.ts';
import type { Latency } from '../../simulator/network/latency.ts';
import { Simulation } from '../../simulator/simulation.ts';
import type { Metrics } from '../../simulator/watch/metrics.ts';

/** What happens to a rumour, and to those who spread it. */
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
  /** The share of the nodes that is cut off from the others for the first half of the time. */
  readonly partition: number;
  /** How many nodes crash, and restart a little later, in a minute. */
  readonly churn: number;
  /** How long the rumour may spread, in virtual seconds. */
  readonly seconds: number;
}

/** What became of a node. */
export interface Member {
  readonly isUp: boolean;
  /** Milliseconds from the beginning of the rumour until the node heard of it. */
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

/** Called now and then: what happens, and which share of it is done. */
export type OnProgress = (what: string, share: number) => void;

/** Called with the world before there are nodes in it. */
export type OnWorld = (world: Simulation) => void;

const rumour = 'have you heard?';

/** In how many steps the rumour spreads, after each of which the run reports how far it is. */
const steps = 50;

/** Passes on what it hears for the first time, and tells it to each new peer. */
class Gossip extends Node {
  readonly #town: Town;
  heardAtMs: number | undefined;

  constructor(town: Town, { host, port, options }: SpawnPlace) {
    super(host, port, options);
    this.#town = town;
  }

  /** Connects with some other nodes. One that is down does not matter. */
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
    // The world starts the node when this has returned.
    queueMicrotask(async () => {
      await node.join(place.options);
      this.#joined += 1;
      if (place.restarts === 0) this.#onProgress('connecting', this.#joined / this.#options.nodes);
    });
    return node;
  }

  /** Different nodes, as many as a node dials. */
  pickOthers(node: Gossip, random: () => number): Gossip[] {
    const others = new Set<Gossip>();
    const count = Math.min(this.#options.dials, this.nodes.length - 1);
    while (others.size < count) {
      const other = this.nodes[Math.floor(random() * this.nodes.length)]!;
      if (other !== node) others.add(other);
    }
    return [...others];
  }

  /** Until every node has the connections that it wants. */
  async form(): Promise<void> {
    await this.world.run({ until: () => this.#joined >= this.nodes.length });
  }

  /** Pairs of numbers of nodes. */
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
 * A rumour among nodes that each dial some others: it begins with one node, and every node that hears it passes it on to
 * all its peers, once.
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
