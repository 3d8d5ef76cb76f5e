/** Numbers of nodes. Nodes are numbered from 0 in the order in which they were spawned. */
export type NodeNumbers = readonly number[];

/** A fault of certain nodes. */
export interface NodesFault<Kind extends string> {
  /** The kind of fault. */
  readonly kind: Kind;
  /** The numbers of the affected nodes. */
  readonly nodes: NodeNumbers;
}

/** The processes of nodes end abruptly, in the middle of their work. */
export interface CrashFault extends NodesFault<'crash'> {
  /** The machines lose power, so their peers receive nothing more. By default the peers' links break. */
  readonly power?: 'off';
}

/** Nodes that have crashed or stopped are created again and started. */
export interface RestartFault extends NodesFault<'restart'> {
  /** The nodes get another identity. By default they keep their identity. */
  readonly identity?: 'new';
}

/** Each piece of work takes time on these nodes: each timer, and each piece of data that arrives. */
export interface SlowFault extends NodesFault<'slow'> {
  /** How long each piece of work takes, in milliseconds. 0: no time. */
  readonly workMs: number;
}

/** The clocks of the nodes run too fast or too slowly, and so do their timers. */
export interface DriftFault extends NodesFault<'drift'> {
  /** The speed of the clocks. 1 is correct, 1.01 is 1 % too fast. */
  readonly rate: number;
}

/** The wall clocks of the nodes jump. */
export interface JumpFault extends NodesFault<'jump'> {
  /** How far the clocks jump, in milliseconds. Below 0 they jump back. */
  readonly byMs: number;
}

/** Nodes can be dialled, or no longer. They can dial others in both cases. */
export interface ReachableFault extends NodesFault<'reachable'> {
  /** Whether the nodes can be dialled. False is like a node behind a NAT. */
  readonly reachable: boolean;
}

/** The disks of the machines fill up, or have room again. */
export interface DiskFault extends NodesFault<'disk'> {
  /** Whether the disks are full. Every write fails then, also after a restart. */
  readonly full: boolean;
}

/** Nothing passes between groups of nodes. */
export interface PartitionFault {
  /** The kind of fault. */
  readonly kind: 'partition';
  /** The groups. A single group is cut off from all other nodes. */
  readonly groups: readonly NodeNumbers[];
  /** Nothing passes from the first group to the others. Everything else passes. */
  readonly oneWay?: true;
}

/** All partitions and black holes end. The data that they held back is sent again. */
export interface HealFault {
  /** The kind of fault. */
  readonly kind: 'heal';
}

/** Links break. Nodes may dial each other again immediately. */
export interface CutFault {
  /** The kind of fault. */
  readonly kind: 'cut';
  /** The nodes whose links break. */
  readonly from: NodeNumbers;
  /** Only links to these nodes break. Default: links to all nodes. */
  readonly to?: NodeNumbers;
}

/** The quality of all links changes, including existing links. */
export interface LinksFault extends Partial<LinkConditions> {
  /** The kind of fault. */
  readonly kind: 'links';
}

/** The quality of links, apart from their latency. */
export interface LinkConditions {
  /** The largest random delay that is added to each piece, in milliseconds. */
  readonly jitterMs: number;
  /** The bandwidth of each direction of a link, in bytes a second. `Infinity`: no limit. */
  readonly bytesPerSecond: number;
  /** The probability that a piece is lost and has to be sent again: at least 0, less than 1. */
  readonly loss: number;
}

/**
 * Something that goes wrong, or is repaired, as plain data: you can store it, write it as JSON, and make it happen
 * again with `world.apply` and `world.schedule`.
 *
 * - `'stop'`: the nodes stop and say goodbye.
 * - `'blackHole'`: the nodes receive nothing, and nothing that they send arrives.
 * - `'pause'`: the processes of the nodes do nothing. Data that arrives waits until `'resume'`.
 */
export type Fault =
  | CrashFault
  | NodesFault<'stop'>
  | RestartFault
  | PartitionFault
  | NodesFault<'blackHole'>
  | HealFault
  | CutFault
  | NodesFault<'pause'>
  | NodesFault<'resume'>
  | SlowFault
  | DriftFault
  | JumpFault
  | ReachableFault
  | DiskFault
  | LinksFault;

/** A {@link Fault} with its time. */
export interface TimedFault {
  /** Milliseconds since the world began. */
  readonly at: number;
  /** The fault. */
  readonly fault: Fault;
}
