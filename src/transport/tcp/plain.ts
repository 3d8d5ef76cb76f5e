import type { Socket } from 'node:net';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import { idFromPublicKey, verifySignature } from '../../identity/identity.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import type { Role } from './proof.ts';
import { readExactly } from './read-exactly.ts';
import { plainPreface } from './sniff.ts';

const nonceBytes = 32;
const publicKeyBytes = 32;
const signatureBytes = 64;
const openingBytes = plainPreface.length + nonceBytes + publicKeyBytes;

export interface PlainSide {
  readonly identity: NodeIdentity;
  readonly role: Role;
  readonly runtime: Runtime;
  /** @throws when the node that has proven this id is not the one that must answer. */
  readonly checkId: (id: string) => void;
}

/** What the two sides said first, which each signs. */
interface Openings {
  readonly dialler: Uint8Array;
  readonly listener: Uint8Array;
}

/**
 * The handshake of plain TCP: it proves the two ids with their keys, but whoever sits on the way can read, and
 * change, what follows (docs/protocol.md, clauses 2.x).
 *
 *    dialler   preface (8) · nonce (32) · public key (32)                  ──►
 *              ◄── preface (8) · nonce (32) · public key (32) · signature (64)   listener
 *              signature (64)                                              ──►
 *
 * Each signature covers both openings, so a proof names both sides and is of no use towards anybody else. The dialler
 * signs last, after it has seen that it reached the node it wants.
 *
 * @returns the id of the other side.
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_CONNECTION_CLOSED`, and what `checkId` throws.
 */
export function authenticatePlain(socket: Socket, side: PlainSide): Promise<string> {
  return side.role === 'client' ? dialPlain(socket, side) : acceptPlain(socket, side);
}

async function dialPlain(socket: Socket, side: PlainSide): Promise<string> {
  const ours = openingOf(side);
  socket.write(ours);
  const theirs = await readExactly(socket, openingBytes);
  if (ours.equals(theirs))
    throw new PeerloomError('ERR_HANDSHAKE', 'the other side sends back what it receives');
  const publicKey = publicKeyIn(theirs);
  const openings = { dialler: ours, listener: theirs };
  checkProof(publicKey, statement('server', openings), await readExactly(socket, signatureBytes));
  const remoteId = idFromPublicKey(publicKey);
  side.checkId(remoteId);
  socket.write(await side.identity.sign(statement('client', openings)));
  return remoteId;
}

async function acceptPlain(socket: Socket, side: PlainSide): Promise<string> {
  const theirs = await readExactly(socket, openingBytes);
  const publicKey = publicKeyIn(theirs);
  const ours = openingOf(side);
  const openings = { dialler: theirs, listener: ours };
  const signature = await side.identity.sign(statement('server', openings));
  socket.write(Buffer.concat([ours, signature]));
  checkProof(publicKey, statement('client', openings), await readExactly(socket, signatureBytes));
  return idFromPublicKey(publicKey);
}

function openingOf({ identity, runtime }: PlainSide): Buffer {
  return Buffer.concat([plainPreface, runtime.randomBytes(nonceBytes, 'plain proof'), identity.publicKey]);
}

function publicKeyIn(opening: Buffer): Uint8Array {
  if (!plainPreface.equals(opening.subarray(0, plainPreface.length))) {
    throw new PeerloomError(
      'ERR_HANDSHAKE',
      'the other side does not speak plain peerloom of this version: check what listens there, and that both sides have the same version',
    );
  }
  return Uint8Array.from(opening.subarray(-publicKeyBytes));
}

function checkProof(publicKey: Uint8Array, signed: Uint8Array, signature: Uint8Array): void {
  if (verifySignature(publicKey, signed, signature)) return;
  throw new PeerloomError('ERR_HANDSHAKE', 'the other side does not hold the key of the id that it claims');
}

function statement(role: Role, { dialler, listener }: Openings): Uint8Array {
  return Buffer.concat([Buffer.from(`peerloom plain proof 1 ${role} `), dialler, listener]);
}
