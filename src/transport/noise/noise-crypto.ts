import { aeadOf } from './aead.ts';
import type { CipherName } from './cipher-names.ts';
import { CipherState } from './cipher-state.ts';
import type { KeyPair } from './key-pair.ts';
import { hasWebCrypto, WebCryptoCipher } from './web-crypto-cipher.ts';
import { keyPair } from './x25519.ts';

// In bundles for browsers, `noise-crypto-in-browsers.ts` takes the place of this file.

/** Seals or opens the records of one direction, at once or later. */
export type RecordCipher = CipherState | WebCryptoCipher;

export type CipherMaker = (secret: Uint8Array) => RecordCipher;

/** A new key pair. */
export async function newKeyPair(): Promise<KeyPair> {
  return keyPair();
}

/** Makes ciphers of a name, by the fastest means. */
export async function cipherMakerOf(name: CipherName): Promise<CipherMaker> {
  if (name === 'AESGCM' && hasWebCrypto()) return (secret) => new WebCryptoCipher(secret);
  const aead = aeadOf(name);
  return (secret) => new CipherState(aead, secret);
}
