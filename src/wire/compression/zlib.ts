import { optionalBuiltin } from '../../base/builtin.ts';
import { type Codec, mostBytesAtOnce, tooLarge } from '../payloads/codec.ts';
import { checkZstdEnd } from './zstd-frame.ts';

/** At brotli's default, 11, a mebibyte takes seconds. */
const brotliQuality = 4;

/** Base 2 logarithm of the largest zstd window, in bytes. RFC 8878 section 3.1.1.1.2 recommends 8 MiB. */
const zstdMaxWindowLog = 23;

/** The first output buffer, and the factor by which it grows each time it is too small. */
const firstOutputBytes = 64 * 1024;
const outputGrowth = 16;

/** The result of a decompressing function with the option `info`, which its types lack. */
interface Decompressed {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

interface DecompressOptions {
  readonly maxOutputLength: number;
  readonly chunkSize: number;
  readonly info: true;
}

type DecompressSync = (body: Uint8Array, options: DecompressOptions) => unknown;

type Decompress = (
  body: Uint8Array,
  options: DecompressOptions,
  callback: (error: Error | null, result: unknown) => void,
) => void;

/** The compressions that Node.js provides. Empty on other runtimes. */
export function zlibCodecs(): readonly Codec[] {
  const zlib = optionalBuiltin('node:zlib');
  if (zlib === undefined) return [];
  const { BROTLI_PARAM_QUALITY, ZSTD_d_windowLogMax } = zlib.constants;
  const codecs: Codec[] = [
    {
      name: 'zlib',
      compress: (body) => zlib.deflateSync(body),
      decompress: bounded(zlib.inflateSync, zlib.inflate),
    },
    {
      name: 'brotli',
      compress: (body) =>
        zlib.brotliCompressSync(body, { params: { [BROTLI_PARAM_QUALITY]: brotliQuality } }),
      decompress: bounded(zlib.brotliDecompressSync, zlib.brotliDecompress),
    },
  ];
  if (typeof zlib.zstdCompressSync !== 'function') return codecs;
  const params = { [ZSTD_d_windowLogMax]: zstdMaxWindowLog };
  const decompressZstd = bounded(
    (body, options) => zlib.zstdDecompressSync(body, { ...options, params }),
    (body, options, callback) => zlib.zstdDecompress(body, { ...options, params }, callback),
  );
  const zstd: Codec = {
    name: 'zstd',
    compress: (body) => zlib.zstdCompressSync(body),
    decompress(body, maxBytes, pace) {
      checkZstdEnd(body);
      return decompressZstd(body, maxBytes, pace);
    },
  };
  return [...codecs, zstd];
}

/**
 * Decompresses into one buffer. With the default small chunks, a bomb would leave twice its size to the garbage
 * collector: the chunks, and their concatenation. Large data may be decompressed in another thread.
 */
function bounded(decompressSync: DecompressSync, decompress: Decompress): Codec['decompress'] {
  const attempt = (body: Uint8Array, maxBytes: number): Uint8Array | undefined => {
    try {
      return wholeOutput(body, decompressSync(body, optionsFor(maxBytes)) as Decompressed, maxBytes);
    } catch (error) {
      return undefinedIfTooLarge(error);
    }
  };
  const attemptAside = (body: Uint8Array, maxBytes: number): Promise<Uint8Array | undefined> =>
    new Promise<Decompressed>((resolve, reject) => {
      decompress(body, optionsFor(maxBytes), (error, result) =>
        error === null ? resolve(result as Decompressed) : reject(error),
      );
    }).then((result) => wholeOutput(body, result, maxBytes), undefinedIfTooLarge);

  const growAside = async (body: Uint8Array, maxBytes: number, sizes: readonly number[]) => {
    for (const bytes of sizes) {
      const output = await attemptAside(body, bytes);
      if (output !== undefined) return output;
    }
    throw tooLarge(maxBytes);
  };

  return (body, maxBytes, pace) => {
    const sizes = outputSizes(maxBytes);
    const aside = pace?.aside;
    const atOnce = aside === undefined ? sizes.length : body.length <= mostBytesAtOnce ? 1 : 0;
    for (const bytes of sizes.slice(0, atOnce)) {
      const output = attempt(body, bytes);
      if (output !== undefined) return output;
    }
    if (aside === undefined || sizes.length === atOnce) throw tooLarge(maxBytes);
    return aside(growAside(body, maxBytes, sizes.slice(atOnce)));
  };
}

function outputSizes(maxBytes: number): number[] {
  const sizes: number[] = [];
  for (let bytes = firstOutputBytes; bytes < maxBytes; bytes *= outputGrowth) sizes.push(bytes);
  return [...sizes, maxBytes];
}

function optionsFor(maxBytes: number): DecompressOptions {
  return { maxOutputLength: Math.max(1, maxBytes), chunkSize: Math.max(64, maxBytes), info: true };
}

/** @throws Error if other data follows the compressed stream. */
function wholeOutput(
  body: Uint8Array,
  { buffer, engine }: Decompressed,
  maxBytes: number,
): Uint8Array | undefined {
  if (buffer.length > maxBytes) return undefined;
  const surplus = body.length - engine.bytesWritten;
  if (surplus > 0) throw new Error(`its end is followed by ${surplus} bytes`);
  return 2 * buffer.length < buffer.buffer.byteLength ? Uint8Array.from(buffer) : buffer;
}

function undefinedIfTooLarge(error: unknown): undefined {
  if ((error as { code?: string }).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
}
