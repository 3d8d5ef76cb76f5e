import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { optionalBuiltin } from '../base/builtin.ts';
import type { Data } from '../base/data.ts';
import { type Verify, verifierOf } from '../identity/ed25519.ts';
import { type Identity, isPeerId, publicKeyFromId } from '../identity/identity.ts';
import { encodeText } from '../wire/payloads/text.ts';
import { CanonicalJson } from './canonical-json.ts';
import { runNow, type Steps } from './steps.ts';

/** Node.js takes a third as long to make one as to verify with it. */
const verifiers = new Map<string, Verify>();
const maxVerifiers = 4_096;

const hashPattern = /^[0-9a-f]{64}$/;

/**
 * The SHA-256 of a value's {@link canonicalJson}.
 *
 * @returns 64 hexadecimal digits.
 * @throws TypeError for text that is not well-formed Unicode.
 */
export function hashOf(data: Data): string {
  return runNow(hashSteps(data));
}

/** {@link hashOf} in steps of some milliseconds at most; for most values one is enough. */
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

/** @returns 64 hexadecimal digits. */
export function sha256Hex(bytes: Uint8Array): string {
  const nodeCrypto = optionalBuiltin('node:crypto');
  return nodeCrypto === undefined ? bytesToHex(sha256(bytes)) : nodeCrypto.hash('sha256', bytes, 'hex');
}

/** Whether the text can be a hash, so that it may stand in what is signed. */
export function isHash(text: unknown): text is string {
  return typeof text === 'string' && hashPattern.test(text);
}

/**
 * Signs a hash for one purpose: the UTF-8 of `<purpose>:<hash>`. A signature made for one is none for another,
 * nor for TLS, whose handshakes the same key signs.
 *
 * @returns 64 bytes.
 */
export function signHash(identity: Identity, purpose: string, hash: string): Uint8Array {
  return identity.sign(encodeText(`${purpose}:${hash}`));
}

/** Whether the node of this id made the signature; false also when the text is not the id of a node. */
export function verifyHash(id: string, purpose: string, hash: string, signature: Uint8Array): boolean {
  const verify = verifiers.get(id) ?? remembered(id);
  return verify?.(encodeText(`${purpose}:${hash}`), signature) === true;
}

function remembered(id: string): Verify | undefined {
  if (!isPeerId(id)) return undefined;
  const verify = verifierOf(publicKeyFromId(id));
  if (verifiers.size >= maxVerifiers) verifiers.clear();
  verifiers.set(id, verify);
  return verify;
}
