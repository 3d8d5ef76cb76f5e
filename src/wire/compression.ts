import { optionalBuiltin } from '../builtin.ts';
import type { Compression } from '../data.ts';
import { PeerloomError } from '../errors.ts';
import { checkZstdEnd } from './zstd-frame.ts';

/** The byte that names a compression on the wire; 4 (bzip2) and 5 (lzma) are kept for later. */
export const compressionCodes = {
  none: 0,
  zlib: 1,
  brotli: 2,
  zstd: 3,
} as const satisfies Record<Compression, number>;

/** At its own default, 11, brotli takes seconds for a mebibyte. */
const brotliQuality = 4;

/** Base 2 logarithm of the bytes a zstd frame may make the reader set aside; RFC 8878 section 3.1.1.1.2 asks for 8 MiB. */
const zstdMaxWindowLog = 23;

interface Codec {
  readonly name: Compression;
  readonly compress: (body: Uint8Array) => Uint8Array;
  readonly decompress: (body: Uint8Array, options: { maxOutputLength: number; info: true }) => unknown;
}

const codecs = availableCodecs();
const available: readonly Compression[] = Object.freeze(['none', ...codecs.map(({ name }) => name)] as const);

/** What this runtime can compress and decompress. In a browser, where nothing does so at once: 'none'. */
export function availableCompressions(): readonly Compression[] {
  return available;
}

/** @throws PeerloomError `ERR_COMPRESSION_UNAVAILABLE`. */
export function compress(body: Uint8Array, compression: Compression): Uint8Array {
  return compression === 'none' ? body : codecFor(compression).compress(body);
}

/**
 * Stops as soon as there is more than `maxBytes`, and takes exactly one complete compressed stream.
 *
 * @throws PeerloomError `ERR_DECOMPRESSION` when damaged, cut, followed by more, or larger than `maxBytes`;
 * `ERR_COMPRESSION_UNAVAILABLE` for a code that is not known here.
 */
export function decompress(body: Uint8Array, code: number, maxBytes: number): Uint8Array {
  const output = code === compressionCodes.none ? body : decompressOne(body, codecFor(code), maxBytes);
  if (output.length > maxBytes) throw damaged(tooLarge(maxBytes));
  return output;
}

function decompressOne(body: Uint8Array, codec: Codec, maxBytes: number): Uint8Array {
  // Node's types do not know what `info` makes of the result.
  let result: { buffer: Uint8Array; engine: { bytesWritten: number } };
  try {
    result = codec.decompress(body, {
      maxOutputLength: Math.max(1, maxBytes),
      info: true,
    }) as typeof result;
  } catch (cause) {
    const { code, message } = cause as Error & { code?: string };
    throw damaged(code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(maxBytes) : message, { cause });
  }
  const surplus = body.length - result.engine.bytesWritten;
  if (surplus > 0) throw damaged(`its end is followed by ${surplus} bytes`);
  return result.buffer;
}

function codecFor(wanted: Compression | number): Codec {
  const codec = codecs.find(({ name }) => name === wanted || compressionCodes[name] === wanted);
  if (codec !== undefined) return codec;
  throw new PeerloomError(
    'ERR_COMPRESSION_UNAVAILABLE',
    `this runtime has no compression ${wanted}; it has ${available.join(', ')}`,
  );
}

function tooLarge(maxBytes: number): string {
  return `it is larger than ${maxBytes} bytes`;
}

function damaged(reason: string, options?: { cause: unknown }): PeerloomError {
  return new PeerloomError('ERR_DECOMPRESSION', `a message cannot be decompressed: ${reason}`, options);
}

function availableCodecs(): readonly Codec[] {
  const zlib = optionalBuiltin('node:zlib');
  if (zlib === undefined) return [];
  const { BROTLI_PARAM_QUALITY, ZSTD_d_windowLogMax } = zlib.constants;
  const codecs: Codec[] = [
    { name: 'zlib', compress: (body) => zlib.deflateSync(body), decompress: zlib.inflateSync },
    {
      name: 'brotli',
      compress: (body) =>
        zlib.brotliCompressSync(body, { params: { [BROTLI_PARAM_QUALITY]: brotliQuality } }),
      decompress: zlib.brotliDecompressSync,
    },
  ];
  if (typeof zlib.zstdCompressSync === 'function') {
    const params = { [ZSTD_d_windowLogMax]: zstdMaxWindowLog };
    codecs.push({
      name: 'zstd',
      compress: (body) => zlib.zstdCompressSync(body),
      decompress: (body, options) => {
        checkZstdEnd(body);
        return zlib.zstdDecompressSync(body, { ...options, params });
      },
    });
  }
  return codecs;
}
