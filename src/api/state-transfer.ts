import type { Data } from '../base/data.ts';
import type { WaitOptions } from '../channel/pending.ts';

/** What a peer says of a state dict that it wants to send. */
export interface StateOffer {
  /** The bytes of all elements together, as announced; the transfer ends if they are others. */
  readonly bytes: number;
  /** How many tensors there are. */
  readonly tensors: number;
  /** The SHA-256 of names, types, shapes and elements as they travel, 64 hexadecimal digits. */
  readonly sha256: string;
  /** What the sender passed as `info`; `null` by default. */
  readonly info: Data;
  /** Bytes that are here already, from a transfer of the same state that broke. */
  readonly resumedAt: number;
  /** Set it to be told, after each piece, how many bytes are here, of how many. */
  onProgress?: ((receivedBytes: number, totalBytes: number) => void) | undefined;
}

/** What is known of a state dict that has arrived whole. */
export type StateDetails = Pick<StateOffer, 'bytes' | 'tensors' | 'sha256' | 'info'>;

/** The options of {@link Node.sendState}. */
export interface SendStateOptions extends WaitOptions {
  /** Tells the receiver what the state is: any data, up to some 60 KiB. Default `null`. */
  readonly info?: Data | undefined;
  /** Called after each piece: how many bytes are on their way or there, of how many. If it throws, the transfer ends. */
  readonly onProgress?: ((sentBytes: number, totalBytes: number) => void) | undefined;
  /**
   * Milliseconds in which nothing moves until `ERR_TIMEOUT`, the wait for the receiver's handlers included. A suspended
   * connection does not count. `Infinity`: as long as the connection lasts. Default 60,000.
   */
  readonly timeoutMs?: number | undefined;
}
