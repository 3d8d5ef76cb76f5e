import { gcm } from '@noble/ciphers/aes.js';
import { optionalBuiltin } from './builtin.ts';
import { PeerloomError } from './errors.ts';

/** The key, nonce and associated data for one text. */
export interface AesGcmKey {
  /** 32 bytes, or 16 for AES-128. */
  readonly key: Uint8Array;
  /** 12 bytes, never used for another text under this key. */
  readonly nonce: Uint8Array;
  /** Associated data: not encrypted, but decryption fails unless it is the same. */
  readonly associated: Uint8Array;
}

const algorithms = { 16: 'aes-128-gcm', 32: 'aes-256-gcm' } as const;

/** The length of the tag, which follows the encrypted text. */
export const gcmTagBytes = 16;

/** AES-GCM (NIST SP 800-38D). @returns the encrypted text and the tag. */
export function encryptAesGcm({ key, nonce, associated }: AesGcmKey, text: Uint8Array): Uint8Array {
  const nodeCrypto = optionalBuiltin('node:crypto');
  if (nodeCrypto === undefined) return gcm(key, nonce, associated).encrypt(text);
  const cipher = nodeCrypto.createCipheriv(algorithmOf(key), key, nonce);
  cipher.setAAD(associated);
  const encrypted = new Uint8Array(text.length + gcmTagBytes);
  encrypted.set(cipher.update(text));
  cipher.final();
  encrypted.set(cipher.getAuthTag(), text.length);
  return encrypted;
}

/** @throws PeerloomError `ERR_DECRYPTION` if the key is wrong, or if the text or the associated data was changed. */
export function decryptAesGcm({ key, nonce, associated }: AesGcmKey, encrypted: Uint8Array): Uint8Array {
  const nodeCrypto = optionalBuiltin('node:crypto');
  try {
    if (nodeCrypto === undefined) return gcm(key, nonce, associated).decrypt(encrypted);
    const options = { authTagLength: gcmTagBytes };
    const decipher = nodeCrypto.createDecipheriv(algorithmOf(key), key, nonce, options);
    decipher.setAAD(associated);
    decipher.setAuthTag(encrypted.subarray(-gcmTagBytes));
    const text = Uint8Array.from(decipher.update(encrypted.subarray(0, -gcmTagBytes)));
    decipher.final();
    return text;
  } catch (cause) {
    throw new PeerloomError('ERR_DECRYPTION', 'encrypted with another key, or changed since', { cause });
  }
}

function algorithmOf({ length }: Uint8Array): 'aes-128-gcm' | 'aes-256-gcm' {
  return algorithms[length as keyof typeof algorithms];
}
