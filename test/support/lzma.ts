import { compressXz } from '../../src/wire/compression/xz.ts';

/** For tests that need lzma. Without its package they are skipped, except on the build server. */
export const lzmaOptions: { readonly skip: string | false } = {
  skip: process.env.CI !== 'true' && whyMissing(),
};

/**
 * Fails at once where the package is missing. For tests that would otherwise wait for a message that nobody can read.
 *
 * @throws PeerloomError `ERR_COMPRESSION_UNAVAILABLE`, which says what to install.
 */
export function requireLzma(): void {
  compressXz(new Uint8Array(0));
}

function whyMissing(): string | false {
  try {
    requireLzma();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}
