import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { optionalBuiltin } from '../base/builtin.ts';
import type { Data } from '../base/data.ts';
import { sha256Hex } from '../base/sha256.ts';
import { runNow, type Steps } from '../base/steps.ts';
import type { Identity } from '../identity/identity.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import { verifyById } from '../identity/verify-by-id.ts';
import { encodeText } from '../wire/payloads/text.ts';
import { CanonicalJson } from './canonical-json.ts';

const hashPattern = /^[0-9a-f]{64}$/;

/**
 * Returns the SHA-256 of a value's {@link canonicalJson}.
 *
 * @returns 64 hexadecimal digits.
 * @throws TypeError for text that is not well-formed Unicode.
 */
export function hashOf(data: Data): string {
  return runNow(hashSteps(data));
}

/** {@link hashOf} in steps of a few milliseconds at most. One step is enough for most values. */
export function* hashSteps(data: Data): Steps<string> {
  const nodeCrypto = optionalBuiltin('node:crypto');
  const json = new CanonicalJson(data);
  const first = json.nextPiece();
  if (json.isWhole) return nodeCrypto?.hash('sha256', first, 'hex') ?? sha256Hex(encodeText(first));
  const hash = nodeCrypto?.createHash('sha256') ?? sha256.create();
  for (let piece = first; ; piece = json.nextPiece()) {
    hash.update(encodeText(piece));
    if (json.isWhole) return bytesToHex(hash.digest());
    yield;
  }
}

/** Whether the text has the form of a hash, so that it may be part of what is signed. */
export function isHash(text: unknown): text is string {
  return typeof text === 'string' && hashPattern.test(text);
}

/**
 * Signs a hash for one purpose: the UTF-8 of `<purpose>:<hash>`. The signature is not valid for another purpose, nor
 * for a handshake of TLS, which the same key signs.
 *
 * @returns 64 bytes; a promise of them if the identity is a signer.
 */
export function signHash(identity: Identity, purpose: string, hash: string): Uint8Array;
export function signHash(
  identity: NodeIdentity,
  purpose: string,
  hash: string,
): Uint8Array | Promise<Uint8Array>;
export function signHash(
  identity: NodeIdentity,
  purpose: string,
  hash: string,
): Uint8Array | Promise<Uint8Array> {
  return identity.sign(encodeText(`${purpose}:${hash}`));
}

/** Whether the node with this id made the signature. False also if the text is not the id of a node. */
export function verifyHash(id: string, purpose: string, hash: string, signature: Uint8Array): boolean {
  return verifyById(id, encodeText(`${purpose}:${hash}`), signature);
}
