import type { Pace } from '../../base/computing-pace.ts';
import type { Compression } from '../../base/data.ts';

/** One compression. */
export interface Codec {
  readonly name: Compression;
  readonly isAvailable?: () => boolean;
  readonly compress: (body: Uint8Array) => Uint8Array;
  /**
   * With a pace, it may return a promise if it takes long.
   *
   * @throws Error, or rejects with it, that says what is wrong with the data.
   */
  readonly decompress: (
    body: Uint8Array,
    maxBytes: number,
    pace: Pace | undefined,
  ) => Uint8Array | Promise<Uint8Array>;
}

/** More compressed bytes than this may take long, even without output, since they can be tables without any data. */
export const mostBytesAtOnce = 16 * 1024;

export function tooLarge(maxBytes: number): Error {
  return new Error(`it is larger than ${maxBytes} bytes`);
}
