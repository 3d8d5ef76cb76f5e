import type { Data } from '../base/data.ts';
import type { Link } from './transport.ts';

/**
 * A link within a simulation that can carry data without encoding it, in order with what `send` carries and under the
 * same rules. Each side has its own copy of the data.
 */
export interface DataLink extends Link {
  /** Whether it carries data now. */
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

/** The link, if it can carry data without encoding it. */
export function asDataLink(link: Link): DataLink | undefined {
  return 'sendData' in link ? (link as DataLink) : undefined;
}
