import type { Socket } from 'node:net';
import { PeerloomError } from '../../errors.ts';
import type { Identity } from '../../identity.ts';
import type { Runtime } from '../../runtime.ts';
import { exchangeProofs, type Role } from './proof.ts';
import { readExactly } from './read-exactly.ts';
import { plainPreface } from './sniff.ts';

const nonceBytes = 32;

/**
 * The handshake of plain TCP: it proves the two ids with their keys, but what follows can be read, and
 * changed, by whoever sits on the way (docs/protocol.md, clauses 2.x).
 *
 *    preface (8) · nonce (32)  in both directions, then the proofs over both nonces
 *
 * @returns the id of the other side.
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_CONNECTION_CLOSED`.
 */
export async function authenticatePlain(
  socket: Socket,
  { identity, role, runtime }: { identity: Identity; role: Role; runtime: Runtime },
): Promise<string> {
  const nonce = runtime.randomBytes(nonceBytes);
  socket.write(Buffer.concat([plainPreface, nonce]));
  const opening = await readExactly(socket, plainPreface.length + nonceBytes);
  if (!plainPreface.equals(opening.subarray(0, plainPreface.length))) {
    throw new PeerloomError('ERR_HANDSHAKE', 'the other side does not speak plain peerloom of this version');
  }
  const theirs = opening.subarray(plainPreface.length);
  const binding = Buffer.concat(role === 'client' ? [nonce, theirs] : [theirs, nonce]);
  return exchangeProofs(socket, { identity, role, binding });
}
