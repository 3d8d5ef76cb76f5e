import { optionalBuiltin } from '../../base/builtin.ts';
import type { Pace } from '../../base/computing-pace.ts';
import { PeerloomError } from '../../base/errors.ts';
import { mostBytesAtOnce } from '../payloads/codec.ts';
import { xzUncompressedBytes } from './xz-size.ts';

/** What is used of the package. */
interface XzLibrary {
  compressSync(bytes: Uint8Array): Uint8Array;
  decompressSync(bytes: Uint8Array): Uint8Array;
  decompressStream(bytes: ReadableStream<Uint8Array>): ReadableStream<Uint8Array>;
}

const packageName = '@napi-rs/lzma';
/** Less is not worth the copy. */
const leastAdoptedBytes = 64 * 1024;
/** Less takes a millisecond or two. */
const leastAsideBytes = 256 * 1024;

/** The result of the only attempt to load it: peers who send lzma must not make this node search the disk each time. */
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
 * Takes exactly one complete stream. What would be more than `maxBytes` is not decompressed at all.
 *
 * @throws PeerloomError `ERR_COMPRESSION_UNAVAILABLE` when the optional package is missing; Error when the data is
 * damaged, cut, followed by more, or larger than `maxBytes`.
 */
export function decompressXz(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const { decompressSync } = loadLibrary();
  checkSize(bytes, maxBytes);
  return adopt(decompressSync(bytes));
}

/** The same; what is large, compressed or not, is left to another thread. */
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

/** The library's own promise of all bytes would leave several times their memory behind in its threads. */
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

/** Memory of the library waits for the garbage collector and then for its turn: large messages would pile up. */
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

/** Loaded when first needed, and not bundled: most nodes never need it. */
function tryToLoad(): NonNullable<typeof attempt> {
  try {
    return { library: packageRequire()(`${packageName}/xz`) as XzLibrary };
  } catch (cause) {
    const message = `the compression lzma needs the package ${packageName}${remedyFor(cause)}`;
    return { error: new PeerloomError('ERR_COMPRESSION_UNAVAILABLE', message, { cause }) };
  }
}

/** npm leaves the package's binary out when it runs on a Node.js for which there is none. */
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
