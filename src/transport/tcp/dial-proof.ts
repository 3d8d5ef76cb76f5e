import { createHash } from 'node:crypto';
import { PeerloomError } from '../../base/errors.ts';
import { type Verify, verifierOf } from '../../identity/ed25519.ts';
import type { Identity } from '../../identity/identity.ts';
import { type NodeIdentity, whenSigned } from '../../identity/signer.ts';
import { Recent } from './recent.ts';

const publicKeyBytes = 32;
const nonceBytes = 16;
const hashBytes = 32;
const signatureBytes = 64;

/** How long a proof is. */
export const dialProofBytes = publicKeyBytes + nonceBytes + hashBytes + signatureBytes;

/** What both sides of a TLS connection know when the dialler proves its id. */
export interface DialledTls {
  /** SHA-256 of the listener's certificate. */
  readonly certificateHash: Uint8Array;
  /** The Ed25519 public key of the listener. */
  readonly listenerKey: Uint8Array;
}

/** A proof that verifies. It counts once: the listener remembers the nonce. */
export interface DialProof {
  readonly publicKey: Uint8Array;
  readonly nonce: Uint8Array;
  /** The hash of the name of the dialler's network. */
  readonly networkHash: Uint8Array;
}

/** What a dialler signs in addition to both keys. */
export interface DialStatement {
  readonly nonce: Uint8Array;
  readonly networkHash: Uint8Array;
  readonly dialled: DialledTls;
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

/**
 * Makes the proof of a dialler's id, the first bytes that it sends inside TLS (docs/protocol.md, section 2):
 *
 *    public key (32) · nonce (16) · SHA-256 of the network's name (32) · signature (64)
 *
 * The signature covers the listener's certificate, so an attacker who relays the proof cannot use it elsewhere. It
 * covers both keys, so it names both sides, and the nonce, so it works once.
 */
export function proveDial(identity: Identity, said: DialStatement): Uint8Array;
export function proveDial(identity: NodeIdentity, said: DialStatement): Uint8Array | Promise<Uint8Array>;
export function proveDial(
  identity: NodeIdentity,
  { nonce, networkHash, dialled }: DialStatement,
): Uint8Array | Promise<Uint8Array> {
  const { publicKey } = identity;
  const signature = identity.sign(statement({ publicKey, nonce, networkHash }, dialled));
  return whenSigned(signature, (bytes) => Buffer.concat([publicKey, nonce, networkHash, bytes]));
}

/** How many diallers are remembered. */
const maxDiallers = 256;

/** Preparing a key costs a third of a check, and diallers return. */
const verifiers = new Recent<Verify>(maxDiallers);

/** @throws PeerloomError `ERR_HANDSHAKE` if the proof is wrong. */
export function checkDialProof(bytes: Uint8Array, dialled: DialledTls): DialProof {
  const publicKey = Uint8Array.from(bytes.subarray(0, publicKeyBytes));
  const nonce = bytes.subarray(publicKeyBytes, publicKeyBytes + nonceBytes);
  const networkHash = bytes.subarray(publicKeyBytes + nonceBytes, -signatureBytes);
  const proof = { publicKey, nonce, networkHash };
  const verify = verifiers.of(publicKey, () => verifierOf(publicKey));
  if (!verify(statement(proof, dialled), bytes.subarray(-signatureBytes))) {
    throw new PeerloomError('ERR_HANDSHAKE', 'the other side does not hold the key of the id that it claims');
  }
  return proof;
}

/** Every part but the first has a fixed length. */
function statement({ publicKey, nonce, networkHash }: DialProof, dialled: DialledTls): Uint8Array {
  return Buffer.concat([
    Buffer.from('peerloom dial proof 1 '),
    dialled.certificateHash,
    publicKey,
    dialled.listenerKey,
    networkHash,
    nonce,
  ]);
}
