import { optionalBuiltin } from '../../base/builtin.ts';
import type { Pace } from '../../base/computing-pace.ts';
import { PeerloomError } from '../../base/errors.ts';
import { mostBytesAtOnce } from '../payloads/codec.ts';
import { xzUncompressedBytes } from './xz-size.ts';

/** The part of the package's API that is used. */
interface XzLibrary {
  compressSync(bytes: Uint8Array): Uint8Array;
  decompressSync(bytes: Uint8Array): Uint8Array;
  decompressStream(bytes: ReadableStream<Uint8Array>): ReadableStream<Uint8Array>;
}

const packageName = '@napi-rs/lzma';
/** Smaller output is not worth the copy. */
const leastAdoptedBytes = 64 * 1024;
/** Smaller data takes a millisecond or two, so it is decompressed in this thread. */
const leastAsideBytes = 256 * 1024;

/**
 * The result of the only attempt to load it. Peers that send lzma must not make this node search the disk each time.
 */
let attempt: { readonly library: XzLibrary } | { readonly error: PeerloomError } | undefined;

/** Whether the optional package is installed, and runs here. */
export function hasXz(): boolean {
  attempt ??= tryToLoad();
  return 'library' in attempt;
}

/**
 * A complete .xz stream, as Python's `lzma.compress` makes it.
 *
 * @throws PeerloomError `ERR_COMPRESSION_UNAVAILABLE` when the optional package is missing.
 */
export function compressXz(bytes: Uint8Array): Uint8Array {
  return loadLibrary().compressSync(bytes);
}

/**
 * Decompresses exactly one complete stream. Does not start if the output would exceed `maxBytes`.
 *
 * @throws PeerloomError `ERR_COMPRESSION_UNAVAILABLE` if the optional package is missing; Error if the data is damaged,
 * cut, followed by more, or larger than `maxBytes`.
 */
export function decompressXz(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const { decompressSync } = loadLibrary();
  checkSize(bytes, maxBytes);
  return adopt(decompressSync(bytes));
}

/** The same, but data that is large before or after is decompressed in another thread. */
export function decompressXzAside(
  bytes: Uint8Array,
  maxBytes: number,
  aside: NonNullable<Pace['aside']>,
): Uint8Array | Promise<Uint8Array> {
  const { decompressStream, decompressSync } = loadLibrary();
  const size = checkSize(bytes, maxBytes);
  if (size < leastAsideBytes && bytes.length <= mostBytesAtOnce) return adopt(decompressSync(bytes));
  const input = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  return aside(gather(decompressStream(input), size));
}

/** Reads the stream in pieces, because the library's promise of all bytes leaves several times their memory behind. */
async function gather(stream: ReadableStream<Uint8Array>, size: number): Promise<Uint8Array> {
  const output = new Uint8Array(size);
  let length = 0;
  for await (const chunk of stream) {
    output.set(chunk, length);
    length += chunk.length;
  }
  return output.subarray(0, length);
}

function checkSize(bytes: Uint8Array, maxBytes: number): number {
  const size = xzUncompressedBytes(bytes);
  if (size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
  return size;
}

/**
 * Copies large output: the library's memory is freed late after garbage collection, so large messages would pile up.
 */
function adopt(output: Uint8Array): Uint8Array {
  const { buffer } = output;
  if (output.length < leastAdoptedBytes || output.length < buffer.byteLength) return output;
  const copy = new Uint8Array(output);
  (buffer as ArrayBuffer).transfer(0);
  return copy;
}

function loadLibrary(): XzLibrary {
  attempt ??= tryToLoad();
  if ('library' in attempt) return attempt.library;
  throw attempt.error;
}

/** Loads the package when it is first needed. It is not bundled, because most nodes never need it. */
function tryToLoad(): NonNullable<typeof attempt> {
  try {
    return { library: packageRequire()(`${packageName}/xz`) as XzLibrary };
  } catch (cause) {
    const message = `the compression lzma needs the package ${packageName}${remedyFor(cause)}`;
    return { error: new PeerloomError('ERR_COMPRESSION_UNAVAILABLE', message, { cause }) };
  }
}

/** npm does not install the package's binary when it runs on a Node.js for which there is none. */
function remedyFor(cause: unknown): string {
  const isMissing = (cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
  if (isMissing) return `: npm install ${packageName}`;
  const { version = 'this runtime' } = globalThis.process ?? {};
  return `, which does not load here; install it again with the Node.js that runs this program (${version}): npm install ${packageName}`;
}

function packageRequire(): NodeJS.Require {
  const module = optionalBuiltin('node:module');
  if (module === undefined) throw new Error('this runtime is not Node.js');
  return module.createRequire(import.meta.url);
}
