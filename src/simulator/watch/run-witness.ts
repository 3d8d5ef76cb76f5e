import type { NodeEventName } from '../../api/events.ts';
import { NodeConnection } from '../../api/node-connection.ts';
import type { NodeObserver } from '../../api/node-observer.ts';
import { messageOf } from '../../base/arguments.ts';
import { Node } from '../../node/node.ts';
import type { BroadcastSight } from '../../overlay/router.ts';
import type { Run } from '../machines/machine.ts';
import { hashOfData } from './data-hash.ts';
import type { Deliveries } from './deliveries.ts';
import type { Broken } from './invariants.ts';

/** The details of an event. */
export interface Happened {
  readonly event: NodeEventName;
  /** The number of the node. */
  readonly index: number;
  readonly peer: NodeConnection | undefined;
  /** The number of the peer. -1 if there is none, or if it is not a node of this world. */
  readonly peerIndex: number;
  readonly data: unknown;
  /** The hash of the data of messages and requests. -1 for other events. */
  readonly hash: number;
}

/** Receives what the witnesses see. */
export interface Court {
  /** Whether to check that messages arrive once, and in order. */
  readonly checksDeliveries: boolean;
  /** The number of the node with an id. */
  indexOfId(id: string): number | undefined;
  /** The messages that one node sends to another, by their ids. */
  deliveries(from: string, to: string): Deliveries;
  happened(run: Run, details: Happened): void;
  broadcast(what: BroadcastSight, id: string, hops: number): void;
  fail(broken: Broken): void;
}

/** Receives the reports of one run of a node, and checks that they are consistent. */
export class RunWitness implements NodeObserver {
  readonly #run: Run;
  readonly #index: number;
  readonly #court: Court;
  /** False for a SecureNode, because its peers pass on messages of other nodes. */
  readonly #checksDeliveries: boolean;
  /** The connections that had a connected event and no disconnected event yet. */
  readonly #up = new Set<NodeConnection>();
  /** The messages in each direction, by connection. Looked up once for each connection. */
  readonly #out = new Map<NodeConnection, Deliveries>();
  readonly #in = new Map<NodeConnection, Deliveries>();
  #sent = 0;
  #received = 0;

  constructor(run: Run, court: Court) {
    this.#run = run;
    this.#index = run.machine.index;
    this.#court = court;
    this.#checksDeliveries = court.checksDeliveries && run.node.wrapChannel === Node.prototype.wrapChannel;
  }

  /** The connections that are up according to the node's events. */
  get up(): ReadonlySet<NodeConnection> {
    return this.#up;
  }

  sent(peer: NodeConnection, data: unknown, kind: 'message' | 'request'): void {
    this.#sent += 1;
    if (kind !== 'message' || !this.#checksDeliveries) return;
    let deliveries = this.#out.get(peer);
    if (deliveries === undefined) {
      deliveries = this.#court.deliveries(this.#run.node.id, peer.id);
      this.#out.set(peer, deliveries);
    }
    deliveries.sent(peer, hashOfData(data));
  }

  happened(event: NodeEventName, peer: NodeConnection | undefined, data: unknown): void {
    if (!this.#run.isAlive) return;
    const isData = event === 'node_message' || event === 'node_request';
    if (isData) this.#received += 1;
    const hash = isData ? hashOfData(data) : -1;
    const peerIndex = peer === undefined ? -1 : this.#indexOf(peer);
    this.#court.happened(this.#run, { event, index: this.#index, peer, peerIndex, data, hash });
    if (event === 'node_message' && this.#checksDeliveries) this.#checkDelivery(peer!, hash);
    if (event === 'inbound_node_connected' || event === 'outbound_node_connected') this.#connected(peer!);
    else if (event === 'inbound_node_disconnected' || event === 'outbound_node_disconnected') {
      this.#disconnected(event, peer!);
    }
  }

  /** The number of a peer. Its connection caches the number. */
  #indexOf(peer: NodeConnection): number {
    const known = NodeConnection.numberOf(peer);
    if (known !== undefined) return known;
    const index = this.#court.indexOfId(peer.id) ?? -1;
    if (index >= 0) NodeConnection.setNumber(peer, index);
    return index;
  }

  broadcast(what: BroadcastSight, id: string, hops: number): void {
    if (this.#run.isAlive) this.#court.broadcast(what, id, hops);
  }

  failed(event: NodeEventName, error: unknown): void {
    if (!this.#run.isAlive) return;
    const problem = `its handler of ${event} failed, and nothing handles node_error: ${messageOf(error)}`;
    this.#broken('no handler fails', problem, error);
  }

  /** Checks that the node's counters agree with its events. Called when all work is done. */
  checkCounts(): void {
    const { messageCountSend, messageCountRecv } = this.#run.node;
    if (messageCountSend !== this.#sent || messageCountRecv !== this.#received) {
      const counted = `it counts ${messageCountSend} sent and ${messageCountRecv} received`;
      this.#broken('counters agree', `${counted}, but there were ${this.#sent} and ${this.#received}`);
    }
  }

  /** Checks that a stopped node has left no connections, links or timers. */
  checkStopped(): void {
    const { node, state, links, runtime } = this.#run;
    if (state !== 'stopped') return;
    const left = { connections: node.allNodes.length, links: links.size, timers: runtime.timers };
    if (left.connections + left.links + left.timers === 0) return;
    const counts = Object.entries(left).map(([name, count]) => `${count} ${name}`);
    this.#broken('nothing is left of a node that has stopped', `it left ${counts.join(', ')}`);
  }

  #checkDelivery(peer: NodeConnection, hash: number): void {
    let deliveries = this.#in.get(peer);
    if (deliveries === undefined) {
      deliveries = this.#court.deliveries(peer.id, this.#run.node.id);
      this.#in.set(peer, deliveries);
    }
    if (deliveries.received(hash)) return;
    const name = `node ${this.#court.indexOfId(peer.id)}`;
    this.#broken(
      'messages arrive once, and in order',
      `it received a message of ${name} twice, out of order, or one that ${name} never sent`,
    );
  }

  #disconnected(event: NodeEventName, peer: NodeConnection): void {
    this.#out.delete(peer);
    this.#in.delete(peer);
    if (!this.#up.delete(peer)) this.#broken('events in pairs', `${event} fired without a connected event`);
  }

  #connected(peer: NodeConnection): void {
    if (this.#up.has(peer)) {
      this.#broken(
        'events in pairs',
        `a connected event fired twice for node ${this.#court.indexOfId(peer.id)}`,
      );
      return;
    }
    this.#up.add(peer);
    // A replaced connection is already closed, but its end is reported a little later.
    for (const other of this.#up) {
      if (other !== peer && other.id === peer.id && other.isOpen) {
        const name = `node ${this.#court.indexOfId(peer.id)}`;
        this.#broken('one connection for each pair', `it has two open connections with ${name}`);
      }
    }
  }

  #broken(invariant: string, problem: string, cause?: unknown): void {
    this.#court.fail({
      invariant,
      problem: `node ${this.#index}: ${problem}`,
      nodes: [this.#run.node],
      cause,
    });
  }
}
