import { PeerloomError } from '../../base/errors.ts';
import { idFromPublicKey, verifySignature } from '../../identity/identity.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import { joined } from '../../wire/frames/memory.ts';
import type { KeyPair } from '../noise/key-pair.ts';
import { newKeyPair } from '../noise/noise-crypto.ts';

const publicKeyBytes = 32;
const signatureBytes = 64;

/** How long the proof of a key is. */
export const keyProofBytes = publicKeyBytes + signatureBytes;

/** The prefix of libp2p's Noise specification. */
const signedPrefix = new TextEncoder().encode('noise-libp2p-static-key:');

/**
 * A node's static key for Noise. It is new for each transport, and the identity of the node signs it once. A side that
 * proves in a handshake that it holds the key is the node.
 */
export class NoiseKey {
  readonly #identity: NodeIdentity;
  #pair: Promise<KeyPair> | undefined;
  #proof: Promise<Uint8Array> | undefined;

  constructor(identity: NodeIdentity) {
    this.#identity = identity;
  }

  /** @throws PeerloomError `ERR_NOT_LOADED` in a page. */
  pair(): Promise<KeyPair> {
    if (this.#pair === undefined) {
      this.#pair = newKeyPair();
      this.#pair.catch(() => {
        this.#pair = undefined;
      });
    }
    return this.#pair;
  }

  /** The public key of the identity (32) and its signature (64). @throws PeerloomError `ERR_SIGNER`. */
  proof(): Promise<Uint8Array> {
    if (this.#proof === undefined) {
      this.#proof = this.#sign();
      // If the signer failed, it is asked again for the next handshake.
      this.#proof.catch(() => {
        this.#proof = undefined;
      });
    }
    return this.#proof;
  }

  async #sign(): Promise<Uint8Array> {
    const pair = await this.pair();
    const { publicKey } = this.#identity;
    return joined([publicKey, await this.#identity.sign(joined([signedPrefix, pair.publicKey]))]);
  }
}

/**
 * Checks the identity's signature of a static key that the other side holds.
 *
 * @returns the id of the other side.
 * @throws PeerloomError `ERR_HANDSHAKE`.
 */
export function checkKeyProof(proof: Uint8Array, noiseKey: Uint8Array): string {
  const publicKey = Uint8Array.from(proof.subarray(0, publicKeyBytes));
  const signature = proof.subarray(publicKeyBytes, keyProofBytes);
  if (!verifySignature(publicKey, joined([signedPrefix, noiseKey]), signature)) {
    throw new PeerloomError('ERR_HANDSHAKE', 'the other side does not hold the key of the id that it claims');
  }
  return idFromPublicKey(publicKey);
}
