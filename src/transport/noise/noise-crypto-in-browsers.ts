import { loaded } from '../../base/loaded.ts';
import type { CipherName } from './cipher-names.ts';
import type { KeyPair } from './key-pair.ts';
import type { CipherMaker } from './noise-crypto.ts';
import { hasWebCrypto, WebCryptoCipher } from './web-crypto-cipher.ts';
import { webCryptoKeyPair } from './web-crypto-key-pair.ts';

// Uses WebCrypto if it is available. The JavaScript implementation is loaded only if it is not.

/** A new key pair. @throws PeerloomError `ERR_NOT_LOADED`. */
export async function newKeyPair(): Promise<KeyPair> {
  return (await webCryptoKeyPair()) ?? (await loaded(import('./portable.ts'))).keyPair();
}

/** Returns the fastest implementation of a cipher. @throws PeerloomError `ERR_NOT_LOADED`. */
export async function cipherMakerOf(name: CipherName): Promise<CipherMaker> {
  if (name === 'AESGCM' && hasWebCrypto()) return (secret) => new WebCryptoCipher(secret);
  const { CipherState, portableAead } = await loaded(import('./portable.ts'));
  const aead = portableAead(name);
  return (secret) => new CipherState(aead, secret);
}
