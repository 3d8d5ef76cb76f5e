import { certifiedBy } from './certificate.ts';
import { type DialledTls, sha256 } from './dial-proof.ts';
import { Recent } from './recent.ts';

/** Certificates that are remembered. */
const maxKnown = 256;

/**
 * The certificates of listeners that a node has dialled. A listener shows the same one for an hour, so a node that
 * comes back does not have to check again who signed it, which is most of what a dial computes.
 */
export class KnownCertificates {
  /** The keys of the nodes that signed them, by SHA-256 of the certificate. */
  readonly #keys = new Recent<Uint8Array>(maxKnown);

  /** How many it remembers. */
  get size(): number {
    return this.#keys.size;
  }

  /** @throws PeerloomError `ERR_HANDSHAKE` when no node has signed it. */
  read(certificate: Uint8Array): DialledTls {
    const certificateHash = sha256(certificate);
    return { certificateHash, listenerKey: this.#keys.of(certificateHash, () => certifiedBy(certificate)) };
  }
}
