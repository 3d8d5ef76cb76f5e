import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { optionalBuiltin } from './builtin.ts';

/** Looked up once: a broadcast takes some hashes. */
const nodeCrypto = optionalBuiltin('node:crypto');

/** @returns the SHA-256 of the bytes, 64 hexadecimal digits. */
export function sha256Hex(bytes: Uint8Array): string {
  return nodeCrypto === undefined ? bytesToHex(sha256(bytes)) : nodeCrypto.hash('sha256', bytes, 'hex');
}

/** @returns the SHA-256 of the bytes, 32 bytes. */
export function sha256Bytes(bytes: Uint8Array): Uint8Array {
  return nodeCrypto === undefined ? sha256(bytes) : nodeCrypto.hash('sha256', bytes, 'buffer');
}
