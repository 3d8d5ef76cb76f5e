import type { KeyObject } from 'node:crypto';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { base64urlnopad } from '@scure/base';
import { optionalBuiltin } from '../builtin.ts';
import type { Data } from '../data.ts';
import { type Identity, isPeerId, publicKeyFromId, verifySignature } from '../identity.ts';
import { encodeText } from '../wire/text.ts';
import { canonicalJson } from './canonical-json.ts';

/** Node.js takes a third as long again to make such an object as to verify with it. */
const keyObjects = new Map<string, KeyObject>();
const maxKeyObjects = 4_096;

const hashPattern = /^[0-9a-f]{64}$/;

/**
 * The SHA-256 of a value's {@link canonicalJson}.
 *
 * @returns 64 hexadecimal digits.
 * @throws TypeError for text that is not well-formed Unicode.
 */
export function hashOf(data: Data): string {
  return sha256Hex(encodeText(canonicalJson(data)));
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

/** Whether the node of this id made the signature; false also when the id is none. */
export function verifyHash(id: string, purpose: string, hash: string, signature: Uint8Array): boolean {
  const message = encodeText(`${purpose}:${hash}`);
  const nodeCrypto = optionalBuiltin('node:crypto');
  const known = keyObjects.get(id);
  if (known !== undefined) return nodeCrypto!.verify(null, message, known, signature);
  if (!isPeerId(id)) return false;
  const publicKey = publicKeyFromId(id);
  if (nodeCrypto === undefined) return verifySignature(publicKey, message, signature);
  const x = base64urlnopad.encode(publicKey);
  const key = nodeCrypto.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  if (keyObjects.size >= maxKeyObjects) keyObjects.clear();
  keyObjects.set(id, key);
  return nodeCrypto.verify(null, message, key, signature);
}
