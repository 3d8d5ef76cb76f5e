import type { Machine } from '../machines/machine.ts';
import type { BroadcastTotals } from './broadcast-watch.ts';
import {
  clusteringOf,
  componentsOf,
  type Degrees,
  degreesOf,
  type Graph,
  type PathLengths,
  pathLengthsOf,
} from './graph.ts';
import type { Spread } from './spread.ts';

/** The most nodes from which path lengths are measured. */
const maxPathSources = 64;

/** How many nodes there are. */
export interface NodeTotals {
  /** All nodes, including stopped and crashed nodes. */
  readonly total: number;
  /** The nodes that run. */
  readonly running: number;
}

/** Messages, deliveries and requests of all nodes, as the nodes count them. */
export interface MessageTotals {
  /** Sent. */
  readonly sent: number;
  /** Received and handed to handlers. */
  readonly received: number;
  /** Received and rejected. */
  readonly rejected: number;
}

/** The values from which {@link Metrics} are computed. */
export interface Measured {
  readonly timeMs: number;
  readonly machines: readonly Machine[];
  readonly bytes: number;
  readonly transmissions: number;
  readonly events: number;
  readonly faults: number;
  readonly spread: Spread;
  readonly broadcasts: BroadcastTotals;
  /** Returns the connections between nodes that run. */
  readonly graph: () => Graph;
}

/**
 * The state of a world when `world.metrics` was read. Counts cover all nodes since the world began. The shape of the
 * network is computed when it is first read, which takes a while in large worlds.
 */
export class Metrics {
  /** Milliseconds since the world began. */
  readonly timeMs: number;
  /** How many nodes there are. */
  readonly nodes: NodeTotals;
  /** Messages, deliveries and requests, as the nodes count them. */
  readonly messages: MessageTotals;
  /** Received messages divided by sent messages. 1 if none were sent. Messages in transit count as not received. */
  readonly deliveryRatio: number;
  /** How many bytes were sent over links. */
  readonly bytes: number;
  /** How often something was sent over a link. Frames that are sent in one turn count once. */
  readonly transmissions: number;
  /** How many events the nodes reported. */
  readonly events: number;
  /** How many faults happened. */
  readonly faults: number;
  /** How messages that nodes pass on unchanged spread. */
  readonly spread: Spread;
  /** How broadcasts spread. */
  readonly broadcasts: BroadcastTotals;
  readonly #graphOf: () => Graph;
  #graph: Graph | undefined;

  /** @internal */
  constructor({
    timeMs,
    machines,
    bytes,
    transmissions,
    events,
    faults,
    spread,
    broadcasts,
    graph,
  }: Measured) {
    this.timeMs = timeMs;
    this.bytes = bytes;
    this.transmissions = transmissions;
    this.events = events;
    this.faults = faults;
    this.spread = spread;
    this.broadcasts = broadcasts;
    this.nodes = {
      total: machines.length,
      running: machines.filter(({ run }) => run.isRunning).length,
    };
    const messages = { sent: 0, received: 0, rejected: 0 };
    for (const { run, pastCounts } of machines) {
      messages.sent += pastCounts.sent + run.node.messageCountSend;
      messages.received += pastCounts.received + run.node.messageCountRecv;
      messages.rejected += pastCounts.rejected + run.node.messageCountRerr;
    }
    this.messages = messages;
    this.deliveryRatio = messages.sent === 0 ? 1 : messages.received / messages.sent;
    this.#graphOf = graph;
  }

  /** With how many nodes each node is connected. */
  get degrees(): Degrees {
    return degreesOf(this.#connections);
  }

  /** The mean clustering coefficient: the share of the pairs of a node's peers that are peers of each other. */
  get clustering(): number {
    return clusteringOf(this.#connections);
  }

  /** The lengths of the shortest paths between nodes, measured from up to 64 nodes to all others. */
  get pathLengths(): PathLengths {
    return pathLengthsOf(this.#connections, maxPathSources);
  }

  /** The sizes of the connected components of the network, the largest first. */
  get components(): readonly number[] {
    return componentsOf(this.#connections);
  }

  get #connections(): Graph {
    this.#graph ??= this.#graphOf();
    return this.#graph;
  }
}
