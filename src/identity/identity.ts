import { concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { optionalBuiltin } from '../base/builtin.ts';
import { decodeBase58, encodeBase58 } from './base58.ts';
import { isPublicKey, portableSignerOf, verifierOf } from './ed25519.ts';

const seedBytes = 32;
const publicKeyBytes = 32;
const peerIdPattern = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;

/**
 * The identity of a node: an Ed25519 key pair (RFC 8032). The private key never appears in logs or JSON.
 *
 * @example
 * const node = new Node('127.0.0.1', 10001, { identity: Identity.generate() });
 */
export class Identity {
  /** The libp2p PeerId of the public key: `'12D3KooW…'`, 52 characters. */
  readonly id: string;
  /** The public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #seed: Uint8Array;
  readonly #sign: Signer['sign'];

  private constructor(seed: Uint8Array) {
    const { publicKey, sign } = signerOf(seed);
    this.id = idFromPublicKey(publicKey);
    this.publicKey = publicKey;
    this.#seed = seed;
    this.#sign = sign;
  }

  /** Creates a new identity, from the secure randomness of the system. */
  static generate(): Identity {
    return new Identity(crypto.getRandomValues(new Uint8Array(seedBytes)));
  }

  /**
   * Returns the identity of a seed; the same seed always gives the same identity. Anybody who has the seed can act as
   * the node.
   *
   * @param seed 32 bytes, the private key of RFC 8032.
   * @throws RangeError if the seed is not 32 bytes long.
   */
  static fromSeed(seed: Uint8Array): Identity {
    if (seed.length !== seedBytes) {
      throw new RangeError(`seed must be ${seedBytes} bytes long, not ${seed.length}`);
    }
    return new Identity(Uint8Array.from(seed));
  }

  /**
   * @internal False for an object that only looks like an identity: a Proxy, a copy, or one of another copy of the
   * package.
   */
  static isGenuine(value: unknown): value is Identity {
    return typeof value === 'object' && value !== null && #seed in value;
  }

  /** Returns the Ed25519 signature of the message, 64 bytes. */
  sign(message: Uint8Array): Uint8Array {
    return this.#sign(message);
  }

  /** Returns the private key, unencrypted, as PKCS#8 in DER (RFC 8410), 48 bytes. Keep it secret. */
  toPkcs8(): Uint8Array {
    return pkcs8Of('Ed25519', this.#seed);
  }
}

/**
 * Returns the PeerId of an Ed25519 public key (libp2p specifications, "Peer Ids and Keys").
 *
 * @throws RangeError if the key is not 32 bytes long, is not the canonical encoding, or has small order: anybody can
 * make signatures for such a key (docs/protocol.md, clause 1.5).
 */
export function idFromPublicKey(publicKey: Uint8Array): string {
  if (publicKey.length !== publicKeyBytes) {
    throw new RangeError(`publicKey must be ${publicKeyBytes} bytes long, not ${publicKey.length}`);
  }
  if (!isPublicKey(publicKey)) {
    throw new RangeError('publicKey must be the canonical encoding of an Ed25519 key of large order');
  }
  // Identity multihash of a protobuf: type 1 (Ed25519), then the key.
  return encodeBase58(prefixed('0024 0801 1220', publicKey));
}

/**
 * Returns the Ed25519 public key that a PeerId holds, 32 bytes.
 *
 * @throws TypeError if the text is not the PeerId of an Ed25519 key.
 */
export function publicKeyFromId(id: string): Uint8Array {
  const publicKey = decodedId(id);
  if (publicKey === undefined) {
    throw new TypeError(`id must be the PeerId of an Ed25519 key, '12D3KooW' and 44 characters, not '${id}'`);
  }
  return publicKey;
}

/** Returns whether the text is the PeerId of an Ed25519 key, as the id of every peerloom node is. */
export function isPeerId(text: string): boolean {
  return decodedId(text) !== undefined;
}

/**
 * Returns whether a signature is valid by the rule of docs/protocol.md, clause 1.4. False also if the key or the
 * signature has a wrong length.
 */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return verifierOf(publicKey)(message, signature);
}

interface Signer {
  readonly publicKey: Uint8Array;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** Node.js signs some fifteen times as fast as JavaScript, which is the only synchronous way in a browser. */
function signerOf(seed: Uint8Array): Signer {
  const nodeCrypto = optionalBuiltin('node:crypto');
  if (nodeCrypto === undefined) return portableSignerOf(seed);
  const pkcs8 = Buffer.from(pkcs8Of('Ed25519', seed));
  const key = nodeCrypto.createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  // As DER, the export would take a third of the time that it takes to make an identity.
  const { x } = nodeCrypto.createPublicKey(key).export({ format: 'jwk' });
  return {
    publicKey: Uint8Array.from(Buffer.from(x!, 'base64url')),
    sign: (message) => Uint8Array.from(nodeCrypto.sign(null, message, key)),
  };
}

function decodedId(id: string): Uint8Array | undefined {
  if (!peerIdPattern.test(id)) return undefined;
  const publicKey = decodeBase58(id).subarray(-publicKeyBytes);
  return isPublicKey(publicKey) && idFromPublicKey(publicKey) === id ? publicKey : undefined;
}

/** A secret key, 32 bytes, as PKCS#8 in DER (RFC 8410). @internal */
export function pkcs8Of(algorithm: 'Ed25519' | 'X25519', secret: Uint8Array): Uint8Array<ArrayBuffer> {
  const last = algorithm === 'Ed25519' ? '70' : '6e';
  return prefixed(`302e 0201 00 3005 0603 2b65${last} 0422 0420`, secret);
}

/**
 * Joins bytes in hexadecimal and other bytes. This is enough to write binary formats in which every length is fixed.
 *
 * @internal
 */
export function prefixed(hexadecimal: string, ...content: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concatBytes(hexToBytes(hexadecimal.replaceAll(' ', '')), ...content);
}
