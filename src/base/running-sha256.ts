import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { optionalBuiltin } from './builtin.ts';

/** A SHA-256 of bytes that arrive piece by piece. */
export interface RunningSha256 {
  update(bytes: Uint8Array): void;
  /** 64 hexadecimal digits. Call it once, at the end. */
  hex(): string;
}

/** Begins a hash. On Node.js, Deno and Bun it uses the system's code, which is several times as fast. */
export function runningSha256(): RunningSha256 {
  const crypto = optionalBuiltin('node:crypto');
  if (crypto !== undefined) {
    const hash = crypto.createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
  }
  const hash = sha256.create();
  return { update: (bytes) => void hash.update(bytes), hex: () => bytesToHex(hash.digest()) };
}
