/** The numbers of nodes, in the order in which they were spawned, from 0. */
export type NodeNumbers = readonly number[];

/** A fault that happens to some nodes. */
export interface NodesFault<Kind extends string> {
  /** What happens. */
  readonly kind: Kind;
  /** The numbers of the nodes to which it happens. */
  readonly nodes: NodeNumbers;
}

/** The processes end in the middle of what they do. */
export interface CrashFault extends NodesFault<'crash'> {
  /** The machines lose their power, so that peers hear nothing. Otherwise the peers' links break. */
  readonly power?: 'off';
}

/** Nodes that run no more are made anew. */
export interface RestartFault extends NodesFault<'restart'> {
  /** They get another identity. Otherwise they keep the one that they had. */
  readonly identity?: 'new';
}

/** Each piece of work, such as reading what arrived or running a timer, takes the nodes some time. */
export interface SlowFault extends NodesFault<'slow'> {
  /** How long it takes, in milliseconds. 0: no time. */
  readonly workMs: number;
}

/** The clocks of the nodes, and so their timers, run too fast or too slowly. */
export interface DriftFault extends NodesFault<'drift'> {
  /** How many times as fast as the world's. 1: right. */
  readonly rate: number;
}

/** The wall clocks of the nodes jump. */
export interface JumpFault extends NodesFault<'jump'> {
  /** How far, in milliseconds; below 0: back. */
  readonly byMs: number;
}

/** Whether the nodes can be dialled changes. They can dial either way. */
export interface ReachableFault extends NodesFault<'reachable'> {
  /** False: they cannot be dialled, as behind a NAT. */
  readonly reachable: boolean;
}

/** Whether the disks of the machines are full changes. */
export interface DiskFault extends NodesFault<'disk'> {
  /** True: every write fails, also after a restart. */
  readonly full: boolean;
}

/** Nothing passes between groups of nodes. */
export interface PartitionFault {
  /** What happens. */
  readonly kind: 'partition';
  /** The groups. A single group is cut off from all other nodes. */
  readonly groups: readonly NodeNumbers[];
  /** Only from the first group to the others nothing passes. */
  readonly oneWay?: true;
}

/** All partitions and black holes end. What could not pass is sent again. */
export interface HealFault {
  /** What happens. */
  readonly kind: 'heal';
}

/** Links break, and may be made again at once. */
export interface CutFault {
  /** What happens. */
  readonly kind: 'cut';
  /** The links of these nodes. */
  readonly from: NodeNumbers;
  /** Only those with these nodes. Default: with all. */
  readonly to?: NodeNumbers;
}

/** All links become better or worse, those that are there too. */
export interface LinksFault extends Partial<LinkConditions> {
  /** What happens. */
  readonly kind: 'links';
}

/** How good links are, apart from the distance. */
export interface LinkConditions {
  /** Each piece takes up to so much longer, in milliseconds. */
  readonly jitterMs: number;
  /** The bandwidth of each direction of a link, in bytes a second. `Infinity`: no limit. */
  readonly bytesPerSecond: number;
  /** The probability of each piece to be lost, so that it has to be sent again: at least 0, less than 1. */
  readonly loss: number;
}

/**
 * Something that goes wrong, or right again, as plain data: you can keep it, write it as JSON, and make it happen again
 * with `world.apply` and `world.schedule`. `'stop'`: the nodes stop in an orderly way. `'blackHole'`: the nodes hear
 * nothing, and nothing is heard of them. `'pause'`: their processes stand still, and what arrives waits until
 * `'resume'`.
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

/** A {@link Fault} at a moment. */
export interface TimedFault {
  /** Milliseconds since the world began. */
  readonly at: number;
  /** What happens. */
  readonly fault: Fault;
}
