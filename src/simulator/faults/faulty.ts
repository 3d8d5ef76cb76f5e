import type { Node } from '../../node/node.ts';
import type { ChurnOptions } from './churn.ts';
import type { Fault, LinkConditions } from './fault.ts';
import type { WhichNodes } from './pick-nodes.ts';

/**
 * The methods of a {@link Simulation} that make something go wrong. Each makes one or several {@link Fault}s happen.
 */
export abstract class Faulty {
  /** Makes a fault happen now. It names nodes by their numbers, see {@link Simulation.indexOf}. */
  abstract apply(fault: Fault): void;

  /**
   * @internal The numbers of nodes. If the seed picks them, it picks from nodes that run, or from nodes that do not.
   */
  abstract numbersOf(kind: string, which: WhichNodes, running?: boolean): number[];

  /**
   * Makes nodes leave and come back at random, from now on.
   *
   * @returns a function that ends the churn. Nodes that are away when it is called still come back.
   */
  abstract churn(options: ChurnOptions): () => void;

  /**
   * Ends nodes in the middle of their work, as if their processes were killed.
   *
   * @param options.power `'off'`: the machines lose power, so their peers receive nothing more. By default, the
   * machines keep running and reset the links, so that peers notice the crash after one latency.
   */
  crash(which: WhichNodes, options: { readonly power?: 'off' } = {}): void {
    const { power } = options;
    this.apply({ kind: 'crash', nodes: this.numbersOf('crash', which), ...(power && { power }) });
  }

  /** Stops nodes. They say goodbye to their peers. */
  stop(which: WhichNodes): void {
    this.apply({ kind: 'stop', nodes: this.numbersOf('stop', which) });
  }

  /**
   * Starts nodes that have crashed or stopped. Their factory creates new node objects.
   *
   * @param which default: all nodes that have crashed or stopped.
   * @param options.identity `'new'`: the nodes get another identity, and so another id. By default they keep it.
   */
  restart(which: WhichNodes = 1, options: { readonly identity?: 'new' } = {}): void {
    const { identity } = options;
    const nodes = this.numbersOf('restart', which, false);
    this.apply({ kind: 'restart', nodes, ...(identity && { identity }) });
  }

  /** Blocks all data between groups of nodes. A single group is cut off from all other nodes. */
  partition(...groups: readonly (readonly Node[])[]): void {
    if (groups.length === 0) throw new TypeError('partition needs a group of nodes, or several');
    this.apply({ kind: 'partition', groups: groups.map((group) => this.numbersOf('partition', group)) });
  }

  /** Blocks all data from some nodes to others. The other direction stays open. */
  halfCut(from: readonly Node[], to: readonly Node[]): void {
    const groups = [from, to].map((group) => this.numbersOf('halfCut', group));
    this.apply({ kind: 'partition', groups, oneWay: true });
  }

  /** Blocks all data from and to the nodes until {@link Simulation.heal}. */
  blackHole(which: WhichNodes): void {
    this.apply({ kind: 'blackHole', nodes: this.numbersOf('blackHole', which) });
  }

  /** Ends all partitions, half-cuts and black holes. The data that they held back is sent again. */
  heal(): void {
    this.apply({ kind: 'heal' });
  }

  /** Breaks the links from `from` to `to`, or all links of `from`. The nodes may dial each other again immediately. */
  cut(from: WhichNodes, to?: readonly Node[]): void {
    const others = to === undefined ? {} : { to: this.numbersOf('cut', to) };
    this.apply({ kind: 'cut', from: this.numbersOf('cut', from), ...others });
  }

  /** Pauses the processes of nodes. Data that arrives waits until {@link Simulation.resume}. */
  pause(which: WhichNodes): void {
    this.apply({ kind: 'pause', nodes: this.numbersOf('pause', which) });
  }

  /** Resumes paused processes. */
  resume(which: WhichNodes): void {
    this.apply({ kind: 'resume', nodes: this.numbersOf('resume', which) });
  }

  /** Makes nodes slow: each timer, and each piece of data that arrives, takes `workMs` milliseconds. 0: no time. */
  slow(which: WhichNodes, workMs: number): void {
    this.apply({ kind: 'slow', nodes: this.numbersOf('slow', which), workMs });
  }

  /** Makes the clocks and timers of nodes run `rate` times as fast as the world's. 1 is correct. */
  drift(which: WhichNodes, rate: number): void {
    this.apply({ kind: 'drift', nodes: this.numbersOf('drift', which), rate });
  }

  /** Moves the wall clocks of nodes forwards or backwards. */
  jump(which: WhichNodes, byMs: number): void {
    this.apply({ kind: 'jump', nodes: this.numbersOf('jump', which), byMs });
  }

  /** Sets whether nodes can be dialled. False is like a node behind a NAT. They can dial others in both cases. */
  setReachable(which: WhichNodes, reachable: boolean): void {
    this.apply({ kind: 'reachable', nodes: this.numbersOf('reachable', which), reachable });
  }

  /**
   * Sets whether the disks of nodes are full. Every write of a vault or a history with a `path` fails on a full disk.
   */
  setDiskFull(which: WhichNodes, full: boolean): void {
    this.apply({ kind: 'disk', nodes: this.numbersOf('disk', which), full });
  }

  /** Changes the quality of all links, including existing links. Conditions that are left out stay the same. */
  setLinks(conditions: Partial<LinkConditions>): void {
    this.apply({ kind: 'links', ...conditions });
  }
}
