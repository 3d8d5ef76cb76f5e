import { optionalBuiltin } from '../../base/builtin.ts';

export const cipherNames = ['AESGCM', 'ChaChaPoly'] as const;

/** As in the names of Noise protocols (revision 34, section 12). */
export type CipherName = (typeof cipherNames)[number];

/** How many bytes sealing adds. */
export const tagBytes = 16;

/** The ciphers, the fastest first: ChaCha is faster in JavaScript, AES in hardware. */
export function fastestFirst(): readonly CipherName[] {
  const isInJavaScript =
    optionalBuiltin('node:crypto') === undefined && globalThis.crypto.subtle === undefined;
  return isInJavaScript ? ['ChaChaPoly', 'AESGCM'] : ['AESGCM', 'ChaChaPoly'];
}
