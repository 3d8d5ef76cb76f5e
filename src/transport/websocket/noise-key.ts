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

/** As in libp2p's Noise specification. */
const signedPrefix = new TextEncoder().encode('noise-libp2p-static-key:');

/**
 * The static key of Noise of a node. It is new for each transport, and the identity of the node signs it once: whoever
 * shows that it holds the key in a handshake is the node.
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
      // A signer that failed once is asked again for the next handshake.
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
 * Checks the proof of a key that the other side has shown that it holds.
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
