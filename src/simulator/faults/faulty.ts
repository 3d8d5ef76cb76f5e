import type { Node } from '../../node/node.ts';
import type { ChurnOptions } from './churn.ts';
import type { Fault, LinkConditions } from './fault.ts';
import type { WhichNodes } from './pick-nodes.ts';

/** What can go wrong in a {@link Simulation}. Each method makes a {@link Fault} happen, or several. */
export abstract class Faulty {
  /** Makes a fault happen now. Nodes are named by their numbers, see {@link Simulation.indexOf}. */
  abstract apply(fault: Fault): void;

  /** @internal The numbers of nodes; where the seed picks them, out of those that run, or of those that do not. */
  abstract numbersOf(kind: string, which: WhichNodes, running?: boolean): number[];

  /**
   * Lets nodes leave and come back at random, from now on.
   *
   * @returns a function that ends it. Nodes that are away at that moment still come back.
   */
  abstract churn(options: ChurnOptions): () => void;

  /**
   * Ends nodes in the middle of what they do, as if their processes were killed.
   *
   * @param options.power `'off'`: the machines lose their power, so that peers hear nothing. By default, the machines
   * keep running, and peers learn at once that their links have ended.
   */
  crash(which: WhichNodes, options: { readonly power?: 'off' } = {}): void {
    const { power } = options;
    this.apply({ kind: 'crash', nodes: this.numbersOf('crash', which), ...(power && { power }) });
  }

  /** Stops nodes in an orderly way: they say goodbye. */
  stop(which: WhichNodes): void {
    this.apply({ kind: 'stop', nodes: this.numbersOf('stop', which) });
  }

  /**
   * Starts nodes again that have crashed or stopped: the factory makes new ones.
   *
   * @param which default: all that have crashed or stopped.
   * @param options.identity `'new'`: with another identity, and so another id. By default they keep it.
   */
  restart(which: WhichNodes = 1, options: { readonly identity?: 'new' } = {}): void {
    const { identity } = options;
    const nodes = this.numbersOf('restart', which, false);
    this.apply({ kind: 'restart', nodes, ...(identity && { identity }) });
  }

  /** Lets nothing pass between groups of nodes. A single group is cut off from all others. */
  partition(...groups: readonly (readonly Node[])[]): void {
    if (groups.length === 0) throw new TypeError('partition needs a group of nodes, or several');
    this.apply({ kind: 'partition', groups: groups.map((group) => this.numbersOf('partition', group)) });
  }

  /** Lets nothing pass from some nodes to others, but everything in the other direction. */
  halfCut(from: readonly Node[], to: readonly Node[]): void {
    const groups = [from, to].map((group) => this.numbersOf('halfCut', group));
    this.apply({ kind: 'partition', groups, oneWay: true });
  }

  /** Nodes hear nothing, and nothing is heard of them, until {@link Simulation.heal}. */
  blackHole(which: WhichNodes): void {
    this.apply({ kind: 'blackHole', nodes: this.numbersOf('blackHole', which) });
  }

  /** Ends all partitions, half-cuts and black holes. What could not pass is sent again. */
  heal(): void {
    this.apply({ kind: 'heal' });
  }

  /** Breaks the links between nodes, which may be made again at once. Without `to`: all links of `from`. */
  cut(from: WhichNodes, to?: readonly Node[]): void {
    const others = to === undefined ? {} : { to: this.numbersOf('cut', to) };
    this.apply({ kind: 'cut', from: this.numbersOf('cut', from), ...others });
  }

  /** Lets processes stand still. What arrives meanwhile waits. */
  pause(which: WhichNodes): void {
    this.apply({ kind: 'pause', nodes: this.numbersOf('pause', which) });
  }

  /** Resumes paused processes. */
  resume(which: WhichNodes): void {
    this.apply({ kind: 'resume', nodes: this.numbersOf('resume', which) });
  }

  /** Makes nodes slow: each timer, and each piece that arrives, takes them `workMs` milliseconds. 0: no time. */
  slow(which: WhichNodes, workMs: number): void {
    this.apply({ kind: 'slow', nodes: this.numbersOf('slow', which), workMs });
  }

  /** Makes the clocks of nodes, and so their timers, run `rate` times as fast as they should. 1: right. */
  drift(which: WhichNodes, rate: number): void {
    this.apply({ kind: 'drift', nodes: this.numbersOf('drift', which), rate });
  }

  /** Moves the wall clocks of nodes forwards or backwards. */
  jump(which: WhichNodes, byMs: number): void {
    this.apply({ kind: 'jump', nodes: this.numbersOf('jump', which), byMs });
  }

  /** Lets nodes be dialled or not, as behind a NAT. They can dial others either way. */
  setReachable(which: WhichNodes, reachable: boolean): void {
    this.apply({ kind: 'reachable', nodes: this.numbersOf('reachable', which), reachable });
  }

  /** Fills the disks of nodes, so that every write of a vault or a history with a `path` fails, or makes room again. */
  setDiskFull(which: WhichNodes, full: boolean): void {
    this.apply({ kind: 'disk', nodes: this.numbersOf('disk', which), full });
  }

  /** Makes all links better or worse, those that are there too. What is left out stays as it is. */
  setLinks(conditions: Partial<LinkConditions>): void {
    this.apply({ kind: 'links', ...conditions });
  }
}
