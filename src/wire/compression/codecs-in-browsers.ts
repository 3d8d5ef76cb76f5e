import type { Codec } from '../payloads/codec.ts';
import { compressZlib, decompressZlib } from './zlib-in-browsers.ts';

export { provideZlib } from './zlib-in-browsers.ts';

/** Replaces `codecs.ts` in bundles for browsers, by the field `browser` of package.json. */
export const codecs: readonly Codec[] = [
  { name: 'zlib', compress: compressZlib, decompress: decompressZlib },
];
