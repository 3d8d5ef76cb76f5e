import { idFromPublicKey } from './identity.ts';

/** An id takes fifty times as long to compute as to look up, and nodes read the same keys again and again. */
const ids = new Map<string, string>();
const maxIds = 4_096;

/** The id of a public key, as `idFromPublicKey` computes it. @throws RangeError for a key that no node can have. */
export function rememberedId(publicKey: Uint8Array): string {
  const key = String.fromCharCode.apply(null, publicKey as unknown as number[]);
  const known = ids.get(key);
  if (known !== undefined) return known;
  const id = idFromPublicKey(publicKey);
  if (ids.size >= maxIds) ids.clear();
  ids.set(key, id);
  return id;
}
