import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { optionalBuiltin } from '../../base/builtin.ts';
import { allocate, free } from '../../wire/frames/memory.ts';
import { type CipherName, tagBytes } from './cipher-names.ts';

/** A cipher of Noise together with a key. */
export interface KeyedAead {
  /** Returns ciphertext and tag in new memory. */
  seal(nonce: Uint8Array, plain: Uint8Array, associated: Uint8Array): Uint8Array;
  /** Returns the plaintext in new memory. @throws if anything was altered. */
  open(nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array;
}

/** A cipher of Noise (revision 34, section 12). */
export interface Aead {
  /** The name, as in the names of Noise protocols. */
  readonly name: CipherName;
  withKey(key: Uint8Array): KeyedAead;
}

const libraries = {
  AESGCM: { portable: gcm, native: 'aes-256-gcm' },
  ChaChaPoly: { portable: chacha20poly1305, native: 'chacha20-poly1305' },
} as const;

type NodeCrypto = typeof import('node:crypto');

/** The cipher, by OpenSSL if it is available. */
export function aeadOf(name: CipherName): Aead {
  const nodeCrypto = optionalBuiltin('node:crypto');
  return nodeCrypto === undefined ? portableAead(name) : nativeAead(name, nodeCrypto);
}

/** The cipher in JavaScript. */
export function portableAead(name: CipherName): Aead {
  return { name, withKey: (key) => portable(name, key) };
}

function nativeAead(name: CipherName, nodeCrypto: NodeCrypto): Aead {
  return { name, withKey: (key) => native(name, key, nodeCrypto) };
}

function portable(name: CipherName, key: Uint8Array): KeyedAead {
  const cipher = libraries[name].portable;
  return {
    seal: (nonce, plain, associated) => cipher(key, nonce, associated).encrypt(plain),
    open: (nonce, sealed, associated) => cipher(key, nonce, associated).decrypt(sealed),
  };
}

function native(name: CipherName, key: Uint8Array, nodeCrypto: NodeCrypto): KeyedAead {
  const algorithm = libraries[name].native as 'aes-256-gcm';
  const keyObject = nodeCrypto.createSecretKey(key);
  const options = { authTagLength: tagBytes };
  return {
    seal(nonce, plain, associated) {
      const cipher = nodeCrypto.createCipheriv(algorithm, keyObject, nonce, options);
      if (associated.length > 0) cipher.setAAD(associated, { plaintextLength: plain.length });
      const text = cipher.update(plain);
      cipher.final();
      const sealed = allocate(text.length + tagBytes);
      sealed.set(text);
      sealed.set(cipher.getAuthTag(), text.length);
      free(text);
      return sealed;
    },
    open(nonce, sealed, associated) {
      const textBytes = sealed.length - tagBytes;
      if (textBytes < 0) throw new Error('too short for a tag');
      const decipher = nodeCrypto.createDecipheriv(algorithm, keyObject, nonce, options);
      if (associated.length > 0) decipher.setAAD(associated, { plaintextLength: textBytes });
      decipher.setAuthTag(sealed.subarray(textBytes));
      const text = decipher.update(sealed.subarray(0, textBytes));
      decipher.final();
      return text;
    },
  };
}
