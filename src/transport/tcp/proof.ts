import type { Socket } from 'node:net';
import { PeerloomError } from '../../base/errors.ts';
import { idFromPublicKey, verifySignature } from '../../identity/identity.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import type { Role } from '../pipe/plain-proof.ts';
import { readExactly } from '../pipe/read-exactly.ts';

const publicKeyBytes = 32;
const signatureBytes = 64;

/**
 * Both sides send their public key with a signature over their role and over bytes that are unique to this connection,
 * so that a proof is useless anywhere else (docs/protocol.md, section 2):
 *
 *    public key (32) · signature (64) of "peerloom proof 1" · role · binding
 *
 * @param binding bytes that only the two sides of this connection know.
 * @returns the id of the other side.
 * @throws PeerloomError `ERR_HANDSHAKE` if its proof is wrong.
 */
export async function exchangeProofs(
  socket: Socket,
  { identity, role, binding }: { identity: NodeIdentity; role: Role; binding: Uint8Array },
): Promise<string> {
  const signature = await identity.sign(statement(role, binding));
  socket.write(Buffer.concat([identity.publicKey, signature]));
  const proof = await readExactly(socket, publicKeyBytes + signatureBytes);
  const publicKey = Uint8Array.from(proof.subarray(0, publicKeyBytes));
  const theirs = statement(role === 'client' ? 'server' : 'client', binding);
  if (!verifySignature(publicKey, theirs, proof.subarray(publicKeyBytes))) {
    throw new PeerloomError('ERR_HANDSHAKE', 'the other side does not hold the key of the id that it claims');
  }
  return idFromPublicKey(publicKey);
}

function statement(role: Role, binding: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`peerloom proof 1 ${role} `), binding]);
}
