import { type KeyPair, keyBytes } from './key-pair.ts';

const algorithm = { name: 'X25519' } as const;

/** A new X25519 key pair by WebCrypto. @returns `undefined` if WebCrypto is missing or lacks X25519. */
export async function webCryptoKeyPair(): Promise<KeyPair | undefined> {
  const { subtle } = globalThis.crypto as { readonly subtle?: SubtleCrypto };
  if (subtle === undefined) return undefined;
  try {
    const pair = (await subtle.generateKey(algorithm, false, ['deriveBits'])) as CryptoKeyPair;
    const publicKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
    return { publicKey, sharedWith: (remote) => sharedSecret(subtle, pair.privateKey, remote) };
  } catch {
    return undefined; // Chrome has it since version 133, Firefox since 130, Safari since 17
  }
}

/** WebCrypto refuses points of small order: Web Cryptography Level 2, X25519, "derive bits". */
async function sharedSecret(
  subtle: SubtleCrypto,
  privateKey: CryptoKey,
  remote: Uint8Array,
): Promise<Uint8Array> {
  const raw = Uint8Array.from(remote);
  const publicKey = await subtle.importKey('raw', raw, algorithm, false, []);
  const secret = await subtle.deriveBits({ ...algorithm, public: publicKey }, privateKey, 8 * keyBytes);
  return new Uint8Array(secret);
}
