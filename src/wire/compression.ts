import { optionalBuiltin } from '../builtin.ts';
import type { Compression } from '../data.ts';
import { PeerloomError } from '../errors.ts';
import { compressBzip2 } from './bzip2/compress.ts';
import { decompressBzip2 } from './bzip2/decompress.ts';
import { compressXz, decompressXz, hasXz } from './xz.ts';
import { checkZstdEnd } from './zstd-frame.ts';

/** The byte that names a compression on the wire. */
export const compressionCodes = {
  none: 0,
  zlib: 1,
  brotli: 2,
  zstd: 3,
  bzip2: 4,
  lzma: 5,
} as const satisfies Record<Compression, number>;

/** At its own default, 11, brotli takes seconds for a mebibyte. */
const brotliQuality = 4;

/** Base 2 logarithm of the bytes a zstd frame may make the reader set aside; RFC 8878 section 3.1.1.1.2 asks for 8 MiB. */
const zstdMaxWindowLog = 23;

interface Codec {
  readonly name: Compression;
  readonly isAvailable?: () => boolean;
  readonly compress: (body: Uint8Array) => Uint8Array;
  /** @throws Error that says what is wrong with the data. */
  readonly decompress: (body: Uint8Array, maxBytes: number) => Uint8Array;
}

const codecs: readonly Codec[] = [
  ...builtinCodecs(),
  { name: 'bzip2', compress: compressBzip2, decompress: decompressBzip2 },
  { name: 'lzma', isAvailable: hasXz, compress: compressXz, decompress: decompressXz },
];

/** What this runtime can compress and decompress; in a browser, which has nothing that does so at once, not much. */
export function availableCompressions(): readonly Compression[] {
  return ['none', ...codecs.filter(({ isAvailable }) => isAvailable?.() ?? true).map(({ name }) => name)];
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
  try {
    return codec.decompress(body, maxBytes);
  } catch (cause) {
    // A library that is missing is no fault of the data.
    if (cause instanceof PeerloomError) throw cause;
    throw damaged((cause as Error).message, { cause });
  }
}

function codecFor(wanted: Compression | number): Codec {
  const codec = codecs.find(({ name }) => name === wanted || compressionCodes[name] === wanted);
  if (codec !== undefined) return codec;
  throw new PeerloomError(
    'ERR_COMPRESSION_UNAVAILABLE',
    `this runtime has no compression ${wanted}; it has ${availableCompressions().join(', ')}`,
  );
}

function tooLarge(maxBytes: number): string {
  return `it is larger than ${maxBytes} bytes`;
}

function damaged(reason: string, options?: { cause: unknown }): PeerloomError {
  return new PeerloomError('ERR_DECOMPRESSION', `a message cannot be decompressed: ${reason}`, options);
}

/** What a decompressing function of Node.js gives when it is asked for `info`, which its types do not know. */
interface Decompressed {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

interface BuiltinOptions {
  readonly maxOutputLength: number;
  readonly chunkSize: number;
  readonly info: true;
}

type BuiltinDecompress = (body: Uint8Array, options: BuiltinOptions) => unknown;

/** The memory tried first for what comes out; each time that it does not do, so many times more. */
const firstOutputBytes = 64 * 1024;
const outputGrowth = 16;

function builtinCodecs(): readonly Codec[] {
  const zlib = optionalBuiltin('node:zlib');
  if (zlib === undefined) return [];
  const { BROTLI_PARAM_QUALITY, ZSTD_d_windowLogMax } = zlib.constants;
  const codecs: Codec[] = [
    { name: 'zlib', compress: (body) => zlib.deflateSync(body), decompress: bounded(zlib.inflateSync) },
    {
      name: 'brotli',
      compress: (body) =>
        zlib.brotliCompressSync(body, { params: { [BROTLI_PARAM_QUALITY]: brotliQuality } }),
      decompress: bounded(zlib.brotliDecompressSync),
    },
  ];
  if (typeof zlib.zstdCompressSync === 'function') {
    const params = { [ZSTD_d_windowLogMax]: zstdMaxWindowLog };
    codecs.push({
      name: 'zstd',
      compress: (body) => zlib.zstdCompressSync(body),
      decompress: bounded((body, options) => {
        checkZstdEnd(body);
        return zlib.zstdDecompressSync(body, { ...options, params });
      }),
    });
  }
  return codecs;
}

/**
 * Decompresses into one piece of memory. In the small chunks that are the default a bomb would leave twice its
 * size to the garbage collector: once in chunks, once put together.
 */
function bounded(decompress: BuiltinDecompress): Codec['decompress'] {
  const attempt = (body: Uint8Array, bytes: number): Decompressed | undefined => {
    const options = {
      maxOutputLength: Math.max(1, bytes),
      chunkSize: Math.max(64, bytes),
      info: true,
    } as const;
    try {
      return decompress(body, options) as Decompressed;
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
      throw error;
    }
  };
  return (body, maxBytes) => {
    let bytes = Math.min(firstOutputBytes, maxBytes);
    let result = attempt(body, bytes);
    while (result === undefined && bytes < maxBytes) {
      bytes = Math.min(outputGrowth * bytes, maxBytes);
      result = attempt(body, bytes);
    }
    if (result === undefined) throw new Error(tooLarge(maxBytes));
    const { buffer, engine } = result;
    const surplus = body.length - engine.bytesWritten;
    if (surplus > 0) throw new Error(`its end is followed by ${surplus} bytes`);
    return 2 * buffer.length < buffer.buffer.byteLength ? Uint8Array.from(buffer) : buffer;
  };
}
