import { type Broadcast, isSignedByOrigin } from './broadcast.ts';
import { signatureBytes } from './signed-in-network.ts';

/** Broadcasts whose signatures are known. */
const maxKnown = 4_096;

const known = new Map<string, { readonly signature: Uint8Array; readonly isSigned: boolean }>();

/**
 * {@link isSignedByOrigin} for simulations: thousands of nodes of one process check the same signature of the same bytes,
 * and each check takes longer than everything else about a broadcast. An id is the hash of all that is signed.
 */
export function isSignedOnce(broadcast: Broadcast, signed: Uint8Array): boolean {
  const { id, bytes } = broadcast;
  const before = known.get(id);
  if (before?.signature.every((byte, at) => byte === bytes[at])) return before.isSigned;
  const isSigned = isSignedByOrigin(broadcast, signed);
  if (known.size >= maxKnown) known.clear();
  known.set(id, { signature: bytes.slice(0, signatureBytes), isSigned });
  return isSigned;
}
