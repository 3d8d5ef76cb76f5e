import { bytesToHex } from '@noble/hashes/utils.js';
import { verifyById } from '../identity/verify-by-id.ts';
import { encodeText } from '../wire/payloads/text.ts';

/** The same key signs handshakes and much else: a signature made for one purpose is none for another. */
const purpose = encodeText('peerloom batch 1\0');

/** Batches whose signatures are known to be right. Each broadcast of a batch brings the same one. */
const maxKnown = 1_024;

const known = new Map<string, Uint8Array>();

/** What the origin of a batch signs. @param root of the tree over the ids of its broadcasts. */
export function signedForBatch(root: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(purpose.length + root.length);
  bytes.set(purpose);
  bytes.set(root, purpose.length);
  return bytes;
}

/** Whether a node has signed a batch with this root. It is computed once for each batch. */
export function isBatchSignedBy(origin: string, root: Uint8Array, signature: Uint8Array): boolean {
  const key = `${origin} ${bytesToHex(root)}`;
  if (known.get(key)?.every((byte, at) => byte === signature[at]) === true) return true;
  if (!verifyById(origin, signedForBatch(root), signature)) return false;
  if (known.size >= maxKnown) known.delete(known.keys().next().value!);
  known.set(key, Uint8Array.from(signature));
  return true;
}
