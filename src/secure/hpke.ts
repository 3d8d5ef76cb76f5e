import {
  AEAD_AES_128_GCM,
  CipherSuite,
  KDF_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
  type KeyPair,
} from 'hpke';
import { PeerloomError } from '../base/errors.ts';
import { type Runtime, systemRuntime } from '../base/runtime.ts';
import { secretBytes } from '../base/secret-bytes.ts';
import { toX25519PublicKey, toX25519SecretKey } from '../identity/ed25519.ts';
import { Identity, publicKeyFromId } from '../identity/identity.ts';
import { StoredIdentity } from '../identity/identity-store.ts';
import { encodeText } from '../wire/payloads/text.ts';
import { openAtOnce, sealAtOnce } from './hpke-at-once.ts';

// The first suite of RFC 9180's appendix A, which has test vectors for it. AES-128 is as strong as X25519.
const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_128_GCM);
const encapsulatedBytes = 32;
const tagBytes = 16;

/** An X25519 key pair. */
export interface X25519Keys {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes, or a WebCrypto key that cannot be exported. */
  readonly secretKey: Uint8Array | CryptoKey;
}

/** The context that a sealed text is bound to. The text cannot be opened in another context. */
export interface HpkeContext {
  /** HPKE's `info`. */
  readonly info: string;
  /** HPKE's associated data. Default: none. */
  readonly associated?: string;
}

/**
 * Returns the X25519 public key of a node's id: the point of its Ed25519 key, mapped to the Montgomery form of the
 * curve (RFC 7748 section 4.1). So the id is enough to encrypt to a node.
 *
 * @throws TypeError if the text is not the id of a node, also if it only has the form of an id, and its key is not a
 * point of the curve.
 */
export function encryptionKeyOf(id: string): Uint8Array {
  const publicKey = publicKeyFromId(id);
  try {
    return toX25519PublicKey(publicKey);
  } catch (cause) {
    throw new TypeError(`id must be the id of a node; no key pair belongs to '${id}'`, { cause });
  }
}

/** Returns the X25519 keys of an identity, which must be open. The public key equals {@link encryptionKeyOf} its id. */
export function encryptionKeysOf(identity: Identity | StoredIdentity): X25519Keys {
  const publicKey = encryptionKeyOf(identity.id);
  const secret = identity instanceof StoredIdentity ? identity.secret : identity;
  if (!Identity.isGenuine(secret)) return { publicKey, secretKey: secret };
  return { publicKey, secretKey: toX25519SecretKey(secret.toPkcs8().subarray(-32)) };
}

/**
 * Whether to compute synchronously: virtual time cannot wait for other threads, and pages from `http://` in a LAN have
 * no `crypto.subtle`.
 */
function isAtOnce(runtime: Runtime): boolean {
  return runtime.isVirtual === true || globalThis.crypto.subtle === undefined;
}

/**
 * Encrypts a text with HPKE (RFC 9180) in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM.
 *
 * @param publicKey the recipient's public key, 32 bytes.
 * @param context what the text is bound to, and the runtime: in virtual time, everything is computed synchronously.
 * @returns the encapsulated key, 32 bytes, followed by the ciphertext, which is 16 bytes longer than the text.
 */
export async function hpkeSeal(
  publicKey: Uint8Array,
  text: Uint8Array,
  { info, associated = '', runtime = systemRuntime }: HpkeContext & { readonly runtime?: Runtime },
): Promise<Uint8Array> {
  if (isAtOnce(runtime)) {
    const ephemeral = secretBytes(runtime, 32, 'one-time keys of HPKE');
    const bound = { info: encodeText(info), associated: encodeText(associated) };
    return sealAtOnce(publicKey, text, { ephemeral, ...bound });
  }
  const key = await suite.DeserializePublicKey(publicKey);
  const options = { info: encodeText(info), aad: encodeText(associated) };
  const { encapsulatedSecret, ciphertext } = await suite.Seal(key, text, options);
  const sealed = new Uint8Array(encapsulatedBytes + ciphertext.length);
  sealed.set(encapsulatedSecret);
  sealed.set(ciphertext, encapsulatedBytes);
  return sealed;
}

/** Opens what {@link hpkeSeal} sealed for one key pair. */
export class HpkeOpener {
  readonly #keysOf: () => X25519Keys;
  readonly #isAtOnce: boolean;
  #keys: X25519Keys | undefined;
  #imported: Promise<KeyPair<CryptoKey>> | undefined;

  /**
   * @param keys the keys, or a function that returns them. It is called when the keys are first needed.
   * @param runtime in virtual time, everything is computed synchronously, not in other threads.
   */
  constructor(keys: X25519Keys | (() => X25519Keys), runtime: Runtime = systemRuntime) {
    this.#keysOf = typeof keys === 'function' ? keys : () => keys;
    this.#isAtOnce = isAtOnce(runtime);
  }

  /**
   * @throws PeerloomError `ERR_DECRYPTION` if the text was altered, or sealed for another key or in another context.
   */
  async open(sealed: Uint8Array, { info, associated = '' }: HpkeContext): Promise<Uint8Array> {
    try {
      if (sealed.length < encapsulatedBytes + tagBytes) throw new Error(`${sealed.length} bytes are too few`);
      this.#keys ??= this.#keysOf();
      const { publicKey, secretKey } = this.#keys;
      if (this.#isAtOnce && secretKey instanceof Uint8Array) {
        const bound = { info: encodeText(info), associated: encodeText(associated) };
        return openAtOnce({ publicKey, secretKey }, sealed, bound);
      }
      this.#imported ??= importKeys(this.#keys);
      const options = { info: encodeText(info), aad: encodeText(associated) };
      const encapsulated = sealed.slice(0, encapsulatedBytes);
      return await suite.Open(await this.#imported, encapsulated, sealed.slice(encapsulatedBytes), options);
    } catch (cause) {
      const message = 'the data cannot be decrypted: it was altered, or encrypted for another node or place';
      throw new PeerloomError('ERR_DECRYPTION', message, { cause });
    }
  }
}

async function importKeys({ publicKey, secretKey }: X25519Keys): Promise<KeyPair<CryptoKey>> {
  return {
    publicKey: await suite.DeserializePublicKey(publicKey),
    privateKey: secretKey instanceof Uint8Array ? await suite.DeserializePrivateKey(secretKey) : secretKey,
  };
}
