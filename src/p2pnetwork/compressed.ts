import type { Pace } from '../base/computing-pace.ts';
import type { Compression } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import { compress, compressionCodes, decompress } from '../wire/compression/compression.ts';
import { encodeText } from '../wire/payloads/text.ts';

/** The compressions that a Python node knows. */
const names = ['zlib', 'bzip2', 'lzma'] as const satisfies Compression[];
const longestName = Math.max(...names.map(({ length }) => length));

/**
 * The form of a compressed body in a packet: base64 of the compressed bytes and the name of the compression.
 *
 * @throws PeerloomError `ERR_COMPRESSION_UNAVAILABLE`.
 */
export function pack(body: Uint8Array, compression: Compression): string {
  if (!names.some((name) => name === compression)) {
    const message = `a Python node knows the compressions ${names.join(', ')}, not ${compression}`;
    throw new PeerloomError('ERR_COMPRESSION_UNAVAILABLE', message);
  }
  return Buffer.concat([compress(body, compression), encodeText(compression)]).toString('base64');
}

/**
 * Undoes {@link pack}. With a pace, it may return a promise, see `decompress`.
 *
 * @throws PeerloomError `ERR_DECOMPRESSION` if the data is damaged or larger than `maxBytes`, `ERR_MESSAGE_INVALID` if
 * it is not base64 or names no compression, `ERR_COMPRESSION_UNAVAILABLE` if this node lacks the compression.
 */
export function unpack(packed: Uint8Array, maxBytes: number, pace?: Pace): Uint8Array | Promise<Uint8Array> {
  const base64 = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength).toString('latin1');
  const named = Buffer.from(base64, 'base64');
  const lastBytes = named.subarray(-longestName).toString('latin1');
  const name = names.find((candidate) => lastBytes.endsWith(candidate));
  if (name === undefined || named.toString('base64') !== base64) {
    const message =
      'a packet is marked as compressed, but is not base64 that ends with the name of a compression';
    throw new PeerloomError('ERR_MESSAGE_INVALID', message);
  }
  return decompress(named.subarray(0, -name.length), compressionCodes[name], maxBytes, pace);
}
