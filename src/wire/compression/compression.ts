import type { Pace } from '../../base/computing-pace.ts';
import type { Compression } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { type Codec, tooLarge } from '../payloads/codec.ts';
import { codecs } from './codecs.ts';

/** The byte that names a compression on the wire. */
export const compressionCodes = {
  none: 0,
  zlib: 1,
  brotli: 2,
  zstd: 3,
  bzip2: 4,
  lzma: 5,
} as const satisfies Record<Compression, number>;

/** All compressions that have a code. */
export const knownCompressions = Object.keys(compressionCodes) as readonly Compression[];

/** The name of a compression for people. An unknown code is named by its number. */
export function compressionNameOf(code: number): string {
  const names = Object.entries(compressionCodes);
  return names.find(([, one]) => one === code)?.[0] ?? `compression ${code}`;
}

/** The compressions that this runtime supports. */
export function availableCompressions(): readonly Compression[] {
  return ['none', ...codecs.filter(({ isAvailable }) => isAvailable?.() ?? true).map(({ name }) => name)];
}

/** @throws PeerloomError `ERR_COMPRESSION_UNAVAILABLE`. */
export function compress(body: Uint8Array, compression: Compression): Uint8Array {
  return compression === 'none' ? body : codecFor(compression).compress(body);
}

/**
 * Decompresses exactly one complete compressed stream, and stops as soon as the output exceeds `maxBytes`. With a pace,
 * it computes for a few milliseconds at a time, and returns a promise if it needs longer.
 *
 * @throws PeerloomError `ERR_DECOMPRESSION` if the data is damaged, cut, followed by more, or larger than `maxBytes`;
 * `ERR_COMPRESSION_UNAVAILABLE` for a code that is not known here.
 */
export function decompress(body: Uint8Array, code: number, maxBytes: number): Uint8Array;
export function decompress(
  body: Uint8Array,
  code: number,
  maxBytes: number,
  pace: Pace | undefined,
): Uint8Array | Promise<Uint8Array>;
export function decompress(
  body: Uint8Array,
  code: number,
  maxBytes: number,
  pace?: Pace,
): Uint8Array | Promise<Uint8Array> {
  try {
    if (code !== compressionCodes.none) {
      const output = codecFor(code).decompress(body, maxBytes, pace);
      return output instanceof Promise ? output.catch(fail) : output;
    }
    if (body.length > maxBytes) throw tooLarge(maxBytes);
    return body;
  } catch (error) {
    return fail(error);
  }
}

function fail(cause: unknown): never {
  // A missing library is not the sender's fault.
  if (cause instanceof PeerloomError) throw cause;
  throw new PeerloomError(
    'ERR_DECOMPRESSION',
    `a message cannot be decompressed: ${(cause as Error).message}`,
    { cause },
  );
}

function codecFor(wanted: Compression | number): Codec {
  const codec = codecs.find(({ name }) => name === wanted || compressionCodes[name] === wanted);
  if (codec !== undefined) return codec;
  throw new PeerloomError(
    'ERR_COMPRESSION_UNAVAILABLE',
    `this runtime does not have the compression ${wanted}; it has ${availableCompressions().join(', ')}`,
  );
}
