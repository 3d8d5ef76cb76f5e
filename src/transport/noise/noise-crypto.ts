import { aeadOf } from './aead.ts';
import type { CipherName } from './cipher-names.ts';
import { CipherState } from './cipher-state.ts';
import type { KeyPair } from './key-pair.ts';
import { hasWebCrypto, WebCryptoCipher } from './web-crypto-cipher.ts';
import { keyPair } from './x25519.ts';

// In bundles for browsers, `noise-crypto-in-browsers.ts` replaces this file.

/** Seals or opens the records of one direction, synchronously or asynchronously. */
export type RecordCipher = CipherState | WebCryptoCipher;

export type CipherMaker = (secret: Uint8Array) => RecordCipher;

/** A new key pair. */
export async function newKeyPair(): Promise<KeyPair> {
  return keyPair();
}

/** Returns the fastest implementation of a cipher. */
export async function cipherMakerOf(name: CipherName): Promise<CipherMaker> {
  if (name === 'AESGCM' && hasWebCrypto()) return (secret) => new WebCryptoCipher(secret);
  const aead = aeadOf(name);
  return (secret) => new CipherState(aead, secret);
}
