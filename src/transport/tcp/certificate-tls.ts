import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { PeerloomError } from '../../base/errors.ts';
import { idFromPublicKey } from '../../identity/identity.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import { readExactly } from '../pipe/read-exactly.ts';
import { identityFor } from '../pipe/sign-for.ts';
import { checkDialProof, dialProofBytes, proveDial, sha256 } from './dial-proof.ts';
import { KnownCertificates } from './known-certificates.ts';
import { ListenerCertificates } from './listener-certificates.ts';
import { tlsClient, tlsServer } from './sockets.ts';
import { type AuthenticatedSocket, handshake, type TlsBounds, type TlsSide, type TlsUpgrade } from './tls.ts';
import { alpn, tlsSettings } from './tls-settings.ts';

const nonceBytes = 16;

export interface CertificateTlsOptions extends TlsBounds {
  readonly identity: NodeIdentity;
  /** The name of the network. */
  readonly network: string;
}

/**
 * TLS in which only the listener shows a certificate, certified by its identity. The dialler proves its own id as the
 * first bytes inside TLS. So nobody verifies certificates of strangers, and no round trip is added.
 */
export class CertificateTls implements TlsUpgrade {
  readonly #identity: NodeIdentity;
  readonly #bounds: TlsBounds;
  readonly #networkHash: Uint8Array;
  readonly #certificates: ListenerCertificates;
  readonly #known = new KnownCertificates();
  readonly #dialling = createSecureContext(tlsSettings);

  constructor({ identity, network, limits, runtime }: CertificateTlsOptions) {
    this.#identity = identity;
    this.#bounds = { limits, runtime };
    this.#networkHash = sha256(Buffer.from(network));
    this.#certificates = new ListenerCertificates(identity, runtime);
  }

  /** Called before this side accepts connections. @throws PeerloomError `ERR_SIGNER`. */
  prepare(): Promise<void> {
    return this.#certificates.prepare();
  }

  secure(socket: Socket, side: TlsSide): Promise<AuthenticatedSocket> {
    return side.role === 'client' ? this.#dial(socket, side) : this.#accept(socket);
  }

  async #dial(socket: Socket, { role, checkId }: TlsSide): Promise<AuthenticatedSocket> {
    const secured = tlsClient(socket, {
      secureContext: this.#dialling,
      rejectUnauthorized: false, // the certificate is checked below
      ALPNProtocols: alpn,
    });
    await handshake(secured, socket, { role, ...this.#bounds });
    // Node.js returns the certificate only once.
    const certificate = secured.getPeerX509Certificate()?.raw;
    if (certificate === undefined) {
      throw new PeerloomError(
        'ERR_HANDSHAKE',
        'the other side showed no certificate: check that a peerloom node listens there',
      );
    }
    const dialled = this.#known.read(certificate);
    const remoteId = idFromPublicKey(dialled.listenerKey);
    checkId(remoteId);
    const nonce = this.#bounds.runtime.randomBytes(nonceBytes, 'dial proof');
    const proof = await proveDial(identityFor(secured, this.#identity), {
      nonce,
      networkHash: this.#networkHash,
      dialled,
    });
    // What the node sends first, in the same turn, is sent in one piece with the proof.
    secured.cork();
    secured.write(proof);
    process.nextTick(() => secured.uncork());
    return { socket: secured, remoteId };
  }

  async #accept(socket: Socket): Promise<AuthenticatedSocket> {
    const certificate = this.#certificates.latest();
    const secured = tlsServer(socket, {
      secureContext: certificate.secureContext,
      requestCert: false,
      rejectUnauthorized: false, // otherwise Bun requires a certificate
      ALPNProtocols: alpn,
    });
    await handshake(secured, socket, { role: 'server', ...this.#bounds });
    const proof = checkDialProof(await readExactly(secured, dialProofBytes), certificate);
    certificate.use(proof);
    const isOfOtherNetwork = !Buffer.from(this.#networkHash).equals(proof.networkHash);
    return { socket: secured, remoteId: idFromPublicKey(proof.publicKey), isOfOtherNetwork };
  }
}
