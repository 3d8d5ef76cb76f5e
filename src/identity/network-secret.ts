import { scrypt } from '@noble/hashes/scrypt.js';

/** RFC 7914. Each guess costs 32 MiB and some 0.1 s, because an attacker who records a handshake can guess offline. */
const cost = { N: 2 ** 15, r: 8, p: 1, dkLen: 32 };
const salt = 'peerloom network key 1';

const known = new Map<string, Uint8Array>();
const maxKnown = 16;

/** Derives the 32 bytes that both sides must hold from the user's text, which must be well-formed Unicode. */
export function networkSecretOf(networkKey: string): Uint8Array {
  const earlier = known.get(networkKey);
  if (earlier !== undefined) return earlier;
  const secret = scrypt(networkKey, salt, cost);
  if (known.size >= maxKnown) known.clear();
  known.set(networkKey, secret);
  return secret;
}
