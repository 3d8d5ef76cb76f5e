import { createSecureContext, type SecureContext } from 'node:tls';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { Identity } from '../../identity/identity.ts';
import { createCertificate } from './certificate.ts';
import { type DialledTls, type DialProof, sha256 } from './dial-proof.ts';
import { tlsSettings } from './tls-settings.ts';

/** A certificate is shown to new diallers for so long. */
const maxAgeMs = 60 * 60 * 1_000;

/** A certificate is shown to no further dialler once so many proofs were made for it. */
const maxProofs = 16_384;

/**
 * A certificate of the listener and the proofs that were made for it. A proof counts once, and for this certificate
 * alone, so its nonce has to be remembered no longer than connections show the certificate.
 */
export class ListenerCertificate implements DialledTls {
  readonly secureContext: SecureContext;
  readonly certificateHash: Uint8Array;
  readonly listenerKey: Uint8Array;
  readonly madeAtMs: number;
  readonly #nonces = new Set<string>();

  constructor(identity: Identity, madeAtMs: number) {
    const { cert, key, der } = createCertificate(identity);
    this.secureContext = createSecureContext({ ...tlsSettings, cert, key });
    this.certificateHash = sha256(der);
    this.listenerKey = identity.publicKey;
    this.madeAtMs = madeAtMs;
  }

  /** How many proofs it remembers. */
  get proofs(): number {
    return this.#nonces.size;
  }

  /** @throws PeerloomError `ERR_HANDSHAKE` when the proof was used before. */
  use({ nonce }: Pick<DialProof, 'nonce'>): void {
    const key = Buffer.from(nonce).toString('latin1');
    if (this.#nonces.has(key))
      throw new PeerloomError('ERR_HANDSHAKE', 'the proof of its id was used before');
    this.#nonces.add(key);
  }
}

/**
 * The certificates of a listener, of which new connections are shown the latest. A new one is made every hour, and
 * early when many proofs are remembered: old proofs are worthless then, and their memory goes with the certificate.
 */
export class ListenerCertificates {
  readonly #identity: Identity;
  readonly #runtime: Runtime;
  #latest: ListenerCertificate | undefined;

  constructor(identity: Identity, runtime: Runtime) {
    this.#identity = identity;
    this.#runtime = runtime;
  }

  /** The one for a new connection, which keeps it to its end. */
  latest(): ListenerCertificate {
    const now = this.#runtime.now();
    const latest = this.#latest;
    if (latest !== undefined && now - latest.madeAtMs < maxAgeMs && latest.proofs < maxProofs) return latest;
    this.#latest = new ListenerCertificate(this.#identity, now);
    return this.#latest;
  }
}
