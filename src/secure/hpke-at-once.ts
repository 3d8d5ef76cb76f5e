import { concatBytes } from '@noble/curves/utils.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type AesGcmKey, decryptAesGcm, encryptAesGcm } from '../base/aes-gcm.ts';
import { x25519 } from '../transport/noise/x25519.ts';
import { encodeText } from '../wire/payloads/text.ts';

// HPKE (RFC 9180) in base mode, computed synchronously: the library for HPKE computes in other threads, for which
// virtual time cannot wait. DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, one text for each encapsulated key.

const none = new Uint8Array(0);
const sharedSecretBytes = 32;
const keyBytes = 16;
const nonceBytes = 12;
const baseMode = Uint8Array.of(0);

/** HKDF whose labels name what the keys are for (RFC 9180, section 4). */
class LabeledHkdf {
  readonly #prefix: Uint8Array;

  /** @param suite the identifier of the algorithms. */
  constructor(name: string, suite: readonly number[]) {
    this.#prefix = concatBytes(encodeText(`HPKE-v1${name}`), Uint8Array.from(suite));
  }

  extract(label: string, input: Uint8Array, salt: Uint8Array = none): Uint8Array {
    return extract(sha256, concatBytes(this.#prefix, encodeText(label), input), salt);
  }

  expand(
    key: Uint8Array,
    label: string,
    { info, bytes }: { readonly info: Uint8Array; readonly bytes: number },
  ): Uint8Array {
    const labeled = concatBytes(Uint8Array.of(0, bytes), this.#prefix, encodeText(label), info);
    return expand(sha256, key, labeled, bytes);
  }
}

const kem = new LabeledHkdf('KEM', [0, 0x20]);
const hpke = new LabeledHkdf('HPKE', [0, 0x20, 0, 1, 0, 1]);

/** The context that a sealed text is bound to. */
interface Bound {
  readonly info: Uint8Array;
  readonly associated: Uint8Array;
}

/**
 * @param ephemeral the one-time secret key: 32 unpredictable bytes.
 * @returns the encapsulated key, then the ciphertext.
 * @throws Error for a public key of small order.
 */
export function sealAtOnce(
  publicKey: Uint8Array,
  text: Uint8Array,
  { ephemeral, ...bound }: Bound & { readonly ephemeral: Uint8Array },
): Uint8Array {
  const encapsulated = x25519.getPublicKey(ephemeral);
  const dh = x25519.getSharedSecret(ephemeral, publicKey);
  const key = keyFor(dh, concatBytes(encapsulated, publicKey), bound);
  return concatBytes(encapsulated, encryptAesGcm(key, text));
}

/** @throws Error if the text cannot be opened. */
export function openAtOnce(
  keys: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array },
  sealed: Uint8Array,
  bound: Bound,
): Uint8Array {
  const encapsulated = sealed.slice(0, sharedSecretBytes);
  const dh = x25519.getSharedSecret(keys.secretKey, encapsulated);
  const key = keyFor(dh, concatBytes(encapsulated, keys.publicKey), bound);
  return decryptAesGcm(key, sealed.subarray(sharedSecretBytes));
}

/** Derives the key of a text: RFC 9180, sections 4.1 (ExtractAndExpand) and 5.1 (KeySchedule). */
function keyFor(dh: Uint8Array, kemContext: Uint8Array, { info, associated }: Bound): AesGcmKey {
  const eaePrk = kem.extract('eae_prk', dh);
  const shared = kem.expand(eaePrk, 'shared_secret', { info: kemContext, bytes: sharedSecretBytes });
  const context = concatBytes(baseMode, hpke.extract('psk_id_hash', none), hpke.extract('info_hash', info));
  const secret = hpke.extract('secret', none, shared);
  return {
    key: hpke.expand(secret, 'key', { info: context, bytes: keyBytes }),
    nonce: hpke.expand(secret, 'base_nonce', { info: context, bytes: nonceBytes }),
    associated,
  };
}
