import type { Data } from '../base/data.ts';
import type { WaitOptions } from '../channel/pending.ts';

/** What a peer says of a state dict that it wants to send. */
export interface StateOffer {
  /** The announced size of all elements together. The transfer fails if the real size differs. */
  readonly bytes: number;
  /** How many tensors there are. */
  readonly tensors: number;
  /** The SHA-256 of names, types, shapes and elements as they travel, 64 hexadecimal digits. */
  readonly sha256: string;
  /** What the sender passed as `info`; `null` by default. */
  readonly info: Data;
  /** Bytes that have already arrived, from an interrupted transfer of the same state. */
  readonly resumedAt: number;
  /** Set it to a function that is called after each piece with the progress. */
  onProgress?: ((receivedBytes: number, totalBytes: number) => void) | undefined;
}

/** Details of a state dict that has arrived whole. */
export type StateDetails = Pick<StateOffer, 'bytes' | 'tensors' | 'sha256' | 'info'>;

/** The options of {@link Node.sendState}. */
export interface SendStateOptions extends WaitOptions {
  /** Tells the receiver what the state is: any data, up to some 60 KiB. Default `null`. */
  readonly info?: Data | undefined;
  /** Called after each piece with the progress. If it throws, the transfer ends. */
  readonly onProgress?: ((sentBytes: number, totalBytes: number) => void) | undefined;
  /**
   * Milliseconds without progress until `ERR_TIMEOUT`, including the wait for the receiver's handlers. Time in which
   * the connection is suspended does not count. `Infinity`: as long as the connection lasts. Default 60,000.
   */
  readonly timeoutMs?: number | undefined;
}
