import { messageOf, shown } from '../base/arguments.ts';
import { PeerloomError } from '../base/errors.ts';
import { idFromPublicKey, verifySignature } from './identity.ts';

/**
 * A key that signs for a node, which the node itself never sees: one of WebCrypto that cannot be exported, or one in a
 * hardware token or a key server. Pass it as the option `identity` of a `Node`.
 *
 * @example
 * const { publicKey, privateKey } = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
 * const identity = {
 *   publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)),
 *   sign: async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, message)),
 * };
 * const node = new Node('127.0.0.1', 10001, { identity });
 */
export interface Signer {
  /** The Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Returns the Ed25519 signature of the message, 64 bytes, or a promise of it. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** What a transport needs of the identity of its node: an `Identity` is one, which signs at once. */
export interface NodeIdentity extends Signer {
  /** The libp2p PeerId of the public key. */
  readonly id: string;
}

/** Applies a function to a signature, synchronously if the signature is not a promise. */
export function whenSigned<Result>(
  signature: Uint8Array | Promise<Uint8Array>,
  make: (signature: Uint8Array) => Result,
): Result | Promise<Result> {
  return signature instanceof Promise ? signature.then(make) : make(signature);
}

/** Whether a value may be meant as a signer. */
export function looksLikeSigner(value: object): value is Signer {
  return 'publicKey' in value && 'sign' in value && !('toPkcs8' in value);
}

/** The results of {@link identityOfSigner}. */
const checkedSigners = new WeakSet<Signer>();

/**
 * Wraps a signer so that it cannot break the node: whatever its `sign` does, the promise resolves with a valid
 * signature or rejects with `ERR_SIGNER`.
 *
 * @throws TypeError or RangeError if it is not a signer of an Ed25519 key.
 */
export function identityOfSigner(signer: Signer): NodeIdentity {
  if (checkedSigners.has(signer)) return signer as NodeIdentity;
  const { publicKey } = signer;
  if (Object.prototype.toString.call(publicKey) !== '[object Uint8Array]') {
    throw new TypeError(`identity.publicKey must be a Uint8Array, not ${shown(publicKey)}`);
  }
  if (typeof signer.sign !== 'function') {
    throw new TypeError(`identity.sign must be a function, not ${shown(signer.sign)}`);
  }
  const own = Uint8Array.from(publicKey);
  const id = idFromPublicKey(own);
  const identity: NodeIdentity = {
    id,
    publicKey: own,
    sign: (message) => checkedSignature(signer, own, message),
  };
  checkedSigners.add(identity);
  return identity;
}

async function checkedSignature(
  signer: Signer,
  publicKey: Uint8Array,
  message: Uint8Array,
): Promise<Uint8Array> {
  let signature: unknown;
  try {
    // A copy, because the signer might change the message.
    signature = await signer.sign(Uint8Array.from(message));
  } catch (cause) {
    throw new PeerloomError('ERR_SIGNER', `identity.sign failed: ${messageOf(cause)}`, { cause });
  }
  if (Object.prototype.toString.call(signature) !== '[object Uint8Array]') {
    throw new PeerloomError('ERR_SIGNER', `identity.sign must return a Uint8Array, not ${shown(signature)}`);
  }
  const bytes = Uint8Array.from(signature as Uint8Array);
  if (verifySignature(publicKey, message, bytes)) return bytes;
  throw new PeerloomError(
    'ERR_SIGNER',
    'identity.sign returned a signature that does not belong to identity.publicKey',
  );
}
