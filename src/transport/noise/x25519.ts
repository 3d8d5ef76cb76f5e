import { pow } from '@noble/curves/abstract/modular.js';
import { montgomery } from '@noble/curves/abstract/montgomery.js';
import { optionalBuiltin } from '../../base/builtin.ts';
import { prefixed } from '../../identity/identity.ts';
import { keyBytes, type PromptKeyPair } from './key-pair.ts';

/** The order of the field (RFC 7748, section 4.1). */
const fieldSize = 2n ** 255n - 19n;

/**
 * X25519 in JavaScript. The library's own object of this name would bring the library's Ed25519 into bundles; pages use
 * a smaller one (`identity/ed25519.ts`).
 */
export const x25519 = /* @__PURE__ */ montgomery({
  P: fieldSize,
  type: 'x25519',
  adjustScalarBytes(bytes: Uint8Array<ArrayBuffer>) {
    bytes[0]! &= 0xf8;
    bytes[31] = (bytes[31]! & 0x7f) | 0x40;
    return bytes;
  },
  powPminus2: (x) => pow(x, fieldSize - 2n, fieldSize),
});

/** RFC 8410: the bytes before the 32 bytes of a public key and of a private key in DER. */
const spkiPrefix = '302a 3005 0603 2b656e 0321 00';
const pkcs8Prefix = '302e 0201 00 3005 0603 2b656e 0422 0420';

/** Returns the key pair of a secret. Default: a new secret from the secure randomness of the system. */
export function keyPair(
  secret: Uint8Array = crypto.getRandomValues(new Uint8Array(keyBytes)),
): PromptKeyPair {
  const nodeCrypto = optionalBuiltin('node:crypto');
  return nodeCrypto === undefined ? portableKeyPair(secret) : nodeKeyPair(nodeCrypto, secret);
}

/** The key pair in JavaScript. */
export function portableKeyPair(secret: Uint8Array): PromptKeyPair {
  return {
    publicKey: x25519.getPublicKey(secret),
    sharedWith: (publicKey) => x25519.getSharedSecret(secret, publicKey),
  };
}

/** OpenSSL is some ten times as fast. */
function nodeKeyPair(nodeCrypto: typeof import('node:crypto'), secret: Uint8Array): PromptKeyPair {
  const der = Buffer.from(prefixed(pkcs8Prefix, secret));
  const privateKey = nodeCrypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = nodeCrypto.createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: Uint8Array.from(spki.subarray(-keyBytes)),
    sharedWith(publicKey) {
      const key = Buffer.from(prefixed(spkiPrefix, publicKey));
      const remote = nodeCrypto.createPublicKey({ key, format: 'der', type: 'spki' });
      const shared = nodeCrypto.diffieHellman({ privateKey, publicKey: remote });
      // OpenSSL already refuses such keys, but other runtimes may use another library.
      if (shared.every((byte) => byte === 0)) throw new Error('the public key is a point of small order');
      return shared;
    },
  };
}
