import { certifiedBy } from './certificate.ts';
import { type DialledTls, sha256 } from './dial-proof.ts';
import { Recent } from './recent.ts';

/** How many certificates are remembered. */
const maxKnown = 256;

/**
 * The certificates of listeners that a node has dialled. A listener shows the same certificate for an hour, so a
 * returning node need not verify its signature again, which is the most expensive part of a dial.
 */
export class KnownCertificates {
  /** The keys of the nodes that signed them, by SHA-256 of the certificate. */
  readonly #keys = new Recent<Uint8Array>(maxKnown);

  /** How many it remembers. */
  get size(): number {
    return this.#keys.size;
  }

  /** @throws PeerloomError `ERR_HANDSHAKE` if no node has signed it. */
  read(certificate: Uint8Array): DialledTls {
    const certificateHash = sha256(certificate);
    return { certificateHash, listenerKey: this.#keys.of(certificateHash, () => certifiedBy(certificate)) };
  }
}
