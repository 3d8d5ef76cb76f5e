import type { Runtime } from './runtime.ts';

/**
 * Makes a source of numbers of at least 0 and below 1. Others cannot guess the next one from those that they have seen,
 * as they could with `Runtime.random`.
 *
 * @param purpose as in {@link Runtime.randomBytes}.
 */
export function unpredictable(runtime: Pick<Runtime, 'randomBytes'>, purpose: string): () => number {
  let words: DataView | undefined;
  let at = 0;
  return () => {
    if (words === undefined || at === words.byteLength) {
      const bytes = runtime.randomBytes(256, purpose);
      words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      at = 0;
    }
    at += 4;
    return words.getUint32(at - 4) / 2 ** 32;
  };
}
