import { encodeText } from '../wire/payloads/text.ts';

/** The length of a signature, which precedes the bytes that it signs. */
export const signatureBytes = 64;

/**
 * Returns the bytes that a signature in the overlay covers: its purpose, the name of the network, and the bytes after
 * the signature. The same key signs handshakes and more, so a signature for one purpose or network must not be valid
 * for another.
 *
 * @param purpose the prefix of everything that is signed for this purpose.
 * @param bytes the signature and the bytes after it.
 */
export function signedInNetwork(purpose: Uint8Array, network: string, bytes: Uint8Array): Uint8Array {
  const name = encodeText(network);
  const rest = bytes.subarray(signatureBytes);
  const signed = new Uint8Array(purpose.length + 2 + name.length + rest.length);
  signed.set(purpose);
  new DataView(signed.buffer).setUint16(purpose.length, name.length);
  signed.set(name, purpose.length + 2);
  signed.set(rest, purpose.length + 2 + name.length);
  return signed;
}
