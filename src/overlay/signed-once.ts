import { type Broadcast, isSignedByOrigin, proofOf } from './broadcast.ts';

/** The most broadcasts whose checked signature is remembered. */
const maxKnown = 4_096;

const known = new Map<string, { readonly proof: Uint8Array; readonly isSigned: boolean }>();

/**
 * {@link isSignedByOrigin} for simulations. Thousands of nodes of one process check the same signature of the same
 * bytes, and each check takes longer than everything else about a broadcast. An id is the hash of all signed bytes.
 */
export function isSignedOnce(broadcast: Broadcast, signed: Uint8Array): boolean {
  const { id } = broadcast;
  const proof = proofOf(broadcast);
  const before = known.get(id);
  if (before?.proof.length === proof.length && before.proof.every((byte, at) => byte === proof[at]))
    return before.isSigned;
  const isSigned = isSignedByOrigin(broadcast, signed);
  if (known.size >= maxKnown) known.clear();
  known.set(id, { proof: Uint8Array.from(proof), isSigned });
  return isSigned;
}
