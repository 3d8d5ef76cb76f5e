import type { Pace } from '../../base/computing-pace.ts';
import type { Compression } from '../../base/data.ts';

/** One compression. */
export interface Codec {
  readonly name: Compression;
  readonly isAvailable?: () => boolean;
  readonly compress: (body: Uint8Array) => Uint8Array;
  /**
   * At a pace it may give a promise, where it takes long.
   *
   * @throws Error that says what is wrong with the data, as does the promise.
   */
  readonly decompress: (
    body: Uint8Array,
    maxBytes: number,
    pace: Pace | undefined,
  ) => Uint8Array | Promise<Uint8Array>;
}

/** Of compressed bytes: more may take long, whatever comes out, since they can be tables without any data. */
export const mostBytesAtOnce = 16 * 1024;

export function tooLarge(maxBytes: number): Error {
  return new Error(`it is larger than ${maxBytes} bytes`);
}
