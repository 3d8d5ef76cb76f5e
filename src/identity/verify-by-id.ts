import { type Verify, verifierOf } from './ed25519.ts';
import { isPeerId, publicKeyFromId } from './identity.ts';

/** Verifiers are cached because creating one takes a third as long as verifying with it. */
const verifiers = new Map<string, Verify>();
const maxVerifiers = 4_096;

/** Whether the node of this id made the signature; false also when the text is not the id of a node. */
export function verifyById(id: string, message: Uint8Array, signature: Uint8Array): boolean {
  const verify = verifiers.get(id) ?? remembered(id);
  return verify?.(message, signature) === true;
}

function remembered(id: string): Verify | undefined {
  if (!isPeerId(id)) return undefined;
  const verify = verifierOf(publicKeyFromId(id));
  if (verifiers.size >= maxVerifiers) verifiers.clear();
  verifiers.set(id, verify);
  return verify;
}
