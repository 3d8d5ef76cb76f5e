import { encodeText } from '../wire/payloads/text.ts';

/** A signature stands before what it signs. */
export const signatureBytes = 64;

/**
 * What a signature of an overlay signs: its purpose, the name of the network, and what follows the signature. The same
 * key signs handshakes and much else, and a signature made for one purpose or network is none for another.
 *
 * @param purpose begins all that is signed for it.
 * @param bytes the signature and what follows it.
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
