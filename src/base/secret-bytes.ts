import type { Runtime } from './runtime.ts';

/**
 * `length` bytes for a key, or for a nonce on which a key's safety depends: from the secure randomness of the system.
 * Only in a simulation whose runtime has `secretBytes` does the seed decide them. `Runtime.randomBytes` is never asked.
 */
export function secretBytes(runtime: Runtime, length: number, purpose: string): Uint8Array {
  return runtime.secretBytes?.(length, purpose) ?? crypto.getRandomValues(new Uint8Array(length));
}
