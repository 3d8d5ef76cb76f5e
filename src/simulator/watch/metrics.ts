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

/** From how many nodes path lengths are measured. */
const maxPathSources = 64;

/** How many nodes there are. */
export interface NodeTotals {
  /** All, also those that have stopped or crashed. */
  readonly total: number;
  /** Those that run. */
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

/** What {@link Metrics} are taken from. */
export interface Measured {
  readonly timeMs: number;
  readonly machines: readonly Machine[];
  readonly bytes: number;
  readonly transmissions: number;
  readonly events: number;
  readonly faults: number;
  readonly spread: Spread;
  readonly broadcasts: BroadcastTotals;
  /** The connections between nodes that run. */
  readonly graph: () => Graph;
}

/**
 * The state of a world at the moment at which `world.metrics` was read. Counts are of all nodes since the world began.
 * The shape of the network is computed when it is first read, which takes a while in large worlds.
 */
export class Metrics {
  /** Milliseconds since the world began. */
  readonly timeMs: number;
  /** How many nodes there are. */
  readonly nodes: NodeTotals;
  /** Messages, deliveries and requests, as the nodes count them. */
  readonly messages: MessageTotals;
  /** Received messages for each that was sent; 1 if there were none. What is under way counts as not received. */
  readonly deliveryRatio: number;
  /** Bytes that links were given to carry. */
  readonly bytes: number;
  /** How often links were given something to carry: frames that leave in one turn go together. */
  readonly transmissions: number;
  /** Events that nodes reported. */
  readonly events: number;
  /** Faults that happened. */
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

  /** How many nodes each node is connected with. */
  get degrees(): Degrees {
    return degreesOf(this.#connections);
  }

  /** The mean clustering coefficient: of the pairs of a node's peers, the share that are peers of each other. */
  get clustering(): number {
    return clusteringOf(this.#connections);
  }

  /** How many connections lie between two nodes, measured from up to 64 nodes to all others. */
  get pathLengths(): PathLengths {
    return pathLengthsOf(this.#connections, maxPathSources);
  }

  /** The sizes of the parts of the network that are not connected with each other, the largest first. */
  get components(): readonly number[] {
    return componentsOf(this.#connections);
  }

  get #connections(): Graph {
    this.#graph ??= this.#graphOf();
    return this.#graph;
  }
}
