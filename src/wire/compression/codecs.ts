import type { Pace } from '../../base/computing-pace.ts';
import type { Codec } from '../payloads/codec.ts';
import { compressBzip2 } from './bzip2/compress.ts';
import { bzip2Steps, decompressBzip2 } from './bzip2/decompress.ts';
import { compressXz, decompressXz, decompressXzAside, hasXz } from './xz.ts';
import { zlibCodecs } from './zlib.ts';

/** The compressions of this runtime. In bundles for browsers, `codecs-in-browsers.ts` replaces this file. */
export const codecs: readonly Codec[] = [
  ...zlibCodecs(),
  {
    name: 'bzip2',
    compress: compressBzip2,
    decompress: (body, maxBytes, pace) =>
      pace === undefined ? decompressBzip2(body, maxBytes) : walk(bzip2Steps(body, maxBytes), pace.pause),
  },
  {
    name: 'lzma',
    isAvailable: hasXz,
    compress: compressXz,
    decompress: (body, maxBytes, pace) =>
      pace?.aside === undefined
        ? decompressXz(body, maxBytes)
        : decompressXzAside(body, maxBytes, pace.aside),
  },
];

/** Gives a page the code that compresses, so that the page need not load it. Here the code is there already. */
export function provideZlib(_provided: typeof import('./zlib-at-once.ts')): void {}

/** Runs all steps. Returns the result itself if no pause was made, otherwise a promise. */
function walk<Result>(steps: Generator<void, Result>, pause: Pace['pause']): Result | Promise<Result> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    const rest = pause();
    if (rest !== undefined) return rest.then(() => walk(steps, pause));
  }
}
