import type { Data } from '../base/data.ts';
import type { Link } from './transport.ts';

/**
 * A link within a simulation that can carry data as it is, without bytes: in order with what `send` carries, and under
 * the same rules. Neither side changes the data that it sent or received: each has a copy of its own.
 */
export interface DataLink extends Link {
  /** Whether it carries data at the moment. */
  readonly carriesData: boolean;
  /** What arrived before it was set comes at once. */
  set dataReceiver(receiver: DataReceiver);
  /** Sends data, which counts as that number of bytes. */
  sendData(data: Data, bytes: number): void;
}

export interface DataReceiver {
  /** Receives data, and how many bytes it counts as. */
  receiveData(data: Data, bytes: number): void;
}

/** The link, if it may carry data as it is. */
export function asDataLink(link: Link): DataLink | undefined {
  return 'sendData' in link ? (link as DataLink) : undefined;
}
