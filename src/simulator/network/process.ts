import type { Link, TransportContext } from '../../transport/transport.ts';
import type { Place } from './latency.ts';

/** One life of a node on a host of the network: a new one begins when the node restarts. */
export interface Process {
  readonly place: Place;
  readonly host: string;
  /** Whether it still runs. */
  readonly isAlive: boolean;
  /** Whether the machine that it runs on answers, also when the process itself has gone. */
  readonly isAnswering: boolean;
  /** Whether others may dial it. */
  readonly isReachable: boolean;
  /** Its links that have not ended. */
  readonly links: Set<ProcessLink>;
  /** Lets the process do something: now, later if it is paused or busy, or never if it has gone. */
  perform(work: () => void): void;
  /**
   * Whether the process may do something at once: the caller then does it, without {@link Process.perform}.
   */
  begins(): boolean;
}

/** A process that listens at an address. */
export interface Listener {
  readonly process: Process;
  readonly context: TransportContext;
  readonly onLink: (link: Link) => void;
}

/** An end of a link, as faults see it. */
export interface ProcessLink extends Link {
  readonly process: Process;
  /** The process at the other end. */
  readonly remoteProcess: Process;
  /**
   * The link breaks: both ends learn of it at once, and what is under way is lost, but for the given part of the first
   * piece of each direction.
   */
  cut(fractions: readonly [number, number]): void;
  /** The process of this end has gone. If its machine still answers, it says so to the other side. */
  abandon(): void;
}
