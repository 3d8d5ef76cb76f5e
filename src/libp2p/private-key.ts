import type { Ed25519PrivateKey } from '@libp2p/interface';
import type { NodeIdentity } from '../identity/signer.ts';
import type { Packages } from './packages.ts';

/**
 * Returns the key of a node in the form that libp2p uses. libp2p asks the node's identity to sign and never sees the
 * private key, which may not be exportable.
 */
export function privateKeyOf(
  identity: NodeIdentity,
  { '@libp2p/crypto': crypto }: Packages<'@libp2p/crypto'>,
): Ed25519PrivateKey {
  const publicKey = crypto.publicKeyFromRaw(identity.publicKey);
  if (publicKey.type !== 'Ed25519') throw new TypeError(`a node has an Ed25519 key, not ${publicKey.type}`);
  return {
    type: 'Ed25519',
    publicKey,
    get raw(): Uint8Array {
      throw new TypeError('the private key of a node stays with its identity');
    },
    equals: (key) => key?.publicKey?.equals(publicKey) === true,
    toMultihash: () => publicKey.toMultihash(),
    toCID: () => publicKey.toCID(),
    toString: () => publicKey.toString(),
    sign: (bytes) => identity.sign(bytes instanceof Uint8Array ? bytes : bytes.subarray()),
  } as Ed25519PrivateKey;
}
