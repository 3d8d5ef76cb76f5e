import type { Link, TransportContext } from '../../transport/transport.ts';
import type { Place } from './latency.ts';

/** One run of a node on a host of the network. A restarted node is a new process. */
export interface Process {
  readonly place: Place;
  readonly host: string;
  /** Whether the process has not crashed. */
  readonly isAlive: boolean;
  /** Whether its machine answers. It may do so even after the process has crashed. */
  readonly isAnswering: boolean;
  /** Whether others can dial it. */
  readonly isReachable: boolean;
  /** The links of the process that have not ended. */
  readonly links: Set<ProcessLink>;
  /** Does work of the process: now, later if the process is paused or busy, or never if it has crashed. */
  perform(work: () => void): void;
  /**
   * Returns whether the process can work now. If so, the caller must do the work immediately, without
   * {@link Process.perform}.
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
   * Breaks the link. Both ends learn of it without delay. Data in transit is lost, except for a part of the first piece
   * in each direction.
   *
   * @param fractions how much of these two pieces arrives, from 0 to 1.
   */
  cut(fractions: readonly [number, number]): void;
  /** The process of this end has crashed. If its machine still answers, the machine resets the link. */
  abandon(): void;
}
