import { createSecureContext, type SecureContext } from 'node:tls';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import { type Certificate, createCertificate } from './certificate.ts';
import { type DialledTls, type DialProof, sha256 } from './dial-proof.ts';
import { tlsSettings } from './tls-settings.ts';

/** How long new connections are shown the same certificate. */
const maxAgeMs = 60 * 60 * 1_000;

/** After this many proofs, a certificate is shown to no further dialler. */
const maxProofs = 16_384;

/** While a slow signer certifies the next one, a certificate may take this many proofs. */
const maxProofsOverdue = 2 * maxProofs;

/**
 * A certificate of the listener and the proofs made for it. A proof is valid once, and only for this certificate, so
 * its nonce must be remembered only as long as the certificate is in use.
 */
export class ListenerCertificate implements DialledTls {
  readonly secureContext: SecureContext;
  readonly certificateHash: Uint8Array;
  readonly listenerKey: Uint8Array;
  readonly madeAtMs: number;
  readonly #nonces = new Set<string>();

  constructor({ cert, key, der }: Certificate, listenerKey: Uint8Array, madeAtMs: number) {
    this.secureContext = createSecureContext({ ...tlsSettings, cert, key });
    this.certificateHash = sha256(der);
    this.listenerKey = listenerKey;
    this.madeAtMs = madeAtMs;
  }

  /** How many proofs it remembers. */
  get proofs(): number {
    return this.#nonces.size;
  }

  /** @throws PeerloomError `ERR_HANDSHAKE` if the proof was used before. */
  use({ nonce }: Pick<DialProof, 'nonce'>): void {
    const key = Buffer.from(nonce).toString('latin1');
    if (this.#nonces.has(key))
      throw new PeerloomError('ERR_HANDSHAKE', 'the proof of its id was used before');
    this.#nonces.add(key);
  }
}

/**
 * The certificates of a listener. New connections are shown the latest. A new one is made every hour, or earlier if
 * many proofs are remembered: old proofs are then invalid, and their memory is freed with the certificate.
 */
export class ListenerCertificates {
  readonly #identity: NodeIdentity;
  readonly #runtime: Runtime;
  #latest: ListenerCertificate | undefined;
  /** The next certificate, while a signer is working on it. */
  #renewal: Promise<void> | undefined;

  constructor(identity: NodeIdentity, runtime: Runtime) {
    this.#identity = identity;
    this.#runtime = runtime;
  }

  /**
   * Creates the first certificate in advance, for a slow signer, because TLS does not wait for one.
   *
   * @throws PeerloomError `ERR_SIGNER`.
   */
  async prepare(): Promise<void> {
    if (this.#latest === undefined) await this.#renew();
  }

  /**
   * The certificate for a new connection, which keeps it to its end. While a signer works on the next certificate, the
   * present one stays in use.
   */
  latest(): ListenerCertificate {
    const now = this.#runtime.now();
    const latest = this.#latest;
    if (latest !== undefined && now - latest.madeAtMs < maxAgeMs && latest.proofs < maxProofs) return latest;
    if (this.#renewal === undefined) {
      const renewal = this.#renew();
      // The next connection tries again.
      if (renewal instanceof Promise) renewal.catch(() => {});
    }
    const shown = this.#latest;
    if (shown !== undefined && shown.proofs < maxProofsOverdue) return shown;
    throw new PeerloomError('ERR_SIGNER', 'identity.sign has not certified a new key of TLS yet');
  }

  #renew(): void | Promise<void> {
    const take = (certificate: Certificate): void => {
      this.#latest = new ListenerCertificate(certificate, this.#identity.publicKey, this.#runtime.now());
    };
    const made = createCertificate(this.#identity);
    if (!(made instanceof Promise)) return take(made);
    this.#renewal = made.then(take).finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }
}
