import type { Codec } from '../payloads/codec.ts';
import { compressZlib, decompressZlib } from './zlib-in-browsers.ts';

/** What bundlers put in the place of `codecs.ts` in a bundle for browsers, by the field `browser` of package.json. */
export const codecs: readonly Codec[] = [
  { name: 'zlib', compress: compressZlib, decompress: decompressZlib },
];
