import type { Duplex } from 'node:stream';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import { idFromPublicKey, verifySignature } from '../../identity/identity.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import { readExactly } from './read-exactly.ts';

/** The side of a connection that makes a proof. */
export type Role = 'client' | 'server';

/** The first bytes of the proof. */
export const preface = new TextEncoder().encode('PEERLM1\n');

const nonceBytes = 32;
const publicKeyBytes = 32;
const signatureBytes = 64;
const openingBytes = preface.length + nonceBytes + publicKeyBytes;

export interface PlainSide {
  readonly identity: NodeIdentity;
  readonly role: Role;
  readonly runtime: Runtime;
  /** @throws if the node that has proven this id is not the expected one. */
  readonly checkId: (id: string) => void;
}

/** The first messages of the two sides, which each side signs. */
interface Openings {
  readonly dialler: Uint8Array;
  readonly listener: Uint8Array;
}

/**
 * Proves the two ids with their keys. An attacker between the two sides can still read and change what follows
 * (docs/protocol.md, clause 2.11).
 *
 *    dialler   preface (8) · nonce (32) · public key (32)                  ──►
 *              ◄── preface (8) · nonce (32) · public key (32) · signature (64)   listener
 *              signature (64)                                              ──►
 *
 * Each signature covers both openings, so a proof names both sides and is useless towards any other node. The dialler
 * signs last, after it has checked that it reached the right node.
 *
 * @returns the id of the other side.
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_CONNECTION_CLOSED`, and what `checkId` throws.
 */
export function authenticatePlain(pipe: Duplex, side: PlainSide): Promise<string> {
  return side.role === 'client' ? dialPlain(pipe, side) : acceptPlain(pipe, side);
}

async function dialPlain(pipe: Duplex, side: PlainSide): Promise<string> {
  const ours = openingOf(side);
  pipe.write(ours);
  const theirs = await readExactly(pipe, openingBytes);
  if (ours.equals(theirs))
    throw new PeerloomError('ERR_HANDSHAKE', 'the other side sends back what it receives');
  const publicKey = publicKeyIn(theirs);
  const openings = { dialler: ours, listener: theirs };
  checkProof(publicKey, statement('server', openings), await readExactly(pipe, signatureBytes));
  const remoteId = idFromPublicKey(publicKey);
  side.checkId(remoteId);
  pipe.write(await side.identity.sign(statement('client', openings)));
  return remoteId;
}

async function acceptPlain(pipe: Duplex, side: PlainSide): Promise<string> {
  const theirs = await readExactly(pipe, openingBytes);
  const publicKey = publicKeyIn(theirs);
  const ours = openingOf(side);
  const openings = { dialler: theirs, listener: ours };
  const signature = await side.identity.sign(statement('server', openings));
  pipe.write(Buffer.concat([ours, signature]));
  checkProof(publicKey, statement('client', openings), await readExactly(pipe, signatureBytes));
  return idFromPublicKey(publicKey);
}

function openingOf({ identity, runtime }: PlainSide): Buffer {
  return Buffer.concat([preface, runtime.randomBytes(nonceBytes, 'plain proof'), identity.publicKey]);
}

function publicKeyIn(opening: Buffer): Uint8Array {
  if (!opening.subarray(0, preface.length).equals(preface)) {
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
