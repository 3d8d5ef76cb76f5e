import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, type TLSSocket, type TLSSocketOptions } from 'node:tls';
import { PeerloomError } from '../../errors.ts';
import { type Identity, idFromPublicKey } from '../../identity.ts';
import { createCertificate, publicKeyOfCertificate } from './certificate.ts';
import { exchangeProofs, type Role } from './proof.ts';
import { reset } from './reset.ts';
import { tlsClient, tlsServer } from './sockets.ts';

const version = 'TLSv1.3';
const ciphers = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384';
const alpn = ['peerloom'];

/** Sessions are not resumed, and a server that sends no tickets for it dials and accepts a quarter faster. */
const secureOptions = constants.SSL_OP_NO_TICKET;

/** A pre-shared key of TLS 1.3 needs a cipher with the hash that it was made for, which is SHA-256. */
const pskCiphers = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256';

/** What a side that holds a network key says to one that holds another, or none. */
const networkKeyAlerts = /ALERT_(DECRYPT_ERROR|HANDSHAKE_FAILURE)$/;

const networkKeyMessage =
  'the two sides do not hold the same network key: give both nodes the same networkKey, or none, and check that the other is a peerloom node';

/** What OpenSSL says of first bytes that are not those of TLS; it answers nothing then. */
const noTls = /^ERR_SSL_(WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST)$/;

const exporterLabel = 'EXPORTER-peerloom-proof';
const exporterBytes = 32;

export interface AuthenticatedSocket {
  readonly socket: TLSSocket;
  readonly remoteId: string;
}

/** Turns sockets into TLS 1.3 connections whose two sides have proven their ids. */
export interface TlsUpgrade {
  /**
   * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_NETWORK_MISMATCH`, `ERR_CONNECTION_CLOSED`.
   */
  secure(socket: Socket, role: Role): Promise<AuthenticatedSocket>;
}

/** The ids come from the keys of the certificates, which TLS has each side prove to hold. */
export function certificateTls(identity: Identity): TlsUpgrade {
  const secureContext = createSecureContext({
    ...createCertificate(identity),
    minVersion: version,
    maxVersion: version,
    ciphers,
    secureOptions,
  });
  return {
    async secure(socket, role) {
      const secured =
        role === 'client'
          ? tlsClient(socket, { secureContext, rejectUnauthorized: false, ALPNProtocols: alpn })
          : serverSocket(socket, secureContext);
      await handshake(secured, socket, role);
      const certificate = secured.getPeerX509Certificate();
      if (certificate === undefined) {
        throw new PeerloomError('ERR_HANDSHAKE', 'the other side showed no certificate');
      }
      return { socket: secured, remoteId: idFromPublicKey(publicKeyOfCertificate(certificate)) };
    },
  };
}

/**
 * For networks with a key: TLS with that key, pre-shared (RFC 8446, section 2.2), in place of certificates.
 * Who does not hold it learns nothing of the node; the ids are proven inside, bound to this very session.
 */
export function networkKeyTls(identity: Identity, networkSecret: Uint8Array): TlsUpgrade {
  const shared = {
    minVersion: version,
    maxVersion: version,
    ciphers: pskCiphers,
    ALPNProtocols: alpn,
  } as const;
  const secureContext = createSecureContext({
    minVersion: version,
    maxVersion: version,
    ciphers: pskCiphers,
    secureOptions,
  });
  return {
    async secure(socket, role) {
      const secured =
        role === 'client'
          ? tlsClient(socket, {
              secureContext,
              ...shared,
              rejectUnauthorized: false,
              pskCallback: () => ({ psk: networkSecret, identity: 'peerloom' }),
            })
          : tlsServer(socket, {
              secureContext,
              ...shared,
              pskCallback: () => networkSecret,
            } as TLSSocketOptions);
      await handshake(secured, socket, role);
      // A server without the key would go on with a certificate: that is another network.
      if (!secured.isSessionReused() || secured.getPeerX509Certificate() !== undefined) {
        throw new PeerloomError('ERR_NETWORK_MISMATCH', networkKeyMessage);
      }
      const binding = secured.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
      return { socket: secured, remoteId: await exchangeProofs(secured, { identity, role, binding }) };
    },
  };
}

function serverSocket(socket: Socket, secureContext: SecureContext): TLSSocket {
  // With both, OpenSSL refuses a client that shows no certificate; whose it is we check by its key.
  return tlsServer(socket, {
    secureContext,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: alpn,
  });
}

function handshake(secured: TLSSocket, socket: Socket, role: Role): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = role === 'client' ? 'secureConnect' : 'secure';
    const onError = (cause: Error & { code?: string }): void => {
      // A Python node takes any other end than a reset for an id that is empty.
      if (role === 'server' && noTls.test(cause.code ?? '')) reset(socket);
      reject(handshakeError(cause, role));
    };
    const onClose = (): void => reject(closedDuringHandshake());
    secured.once('error', onError).once('close', onClose);
    secured.once(done, () => {
      secured.off('error', onError).off('close', onClose);
      resolve();
    });
  });
}

function handshakeError(cause: Error & { code?: string }, role: Role): PeerloomError {
  if (noTls.test(cause.code ?? '')) {
    const message =
      role === 'client'
        ? 'the other side speaks no TLS: check that a peerloom node listens there, and no other program; tcp:// is for plain peerloom, p2pnetwork:// for nodes of the Python package'
        : 'it speaks no TLS (plain peerloom or a p2pnetwork node, maybe), and tcp({ accept }) of this node allows nothing else';
    return new PeerloomError('ERR_HANDSHAKE', message, { cause });
  }
  if (networkKeyAlerts.test(cause.code ?? '')) {
    return new PeerloomError('ERR_NETWORK_MISMATCH', networkKeyMessage, { cause });
  }
  if (cause.code === 'ECONNRESET') return closedDuringHandshake(cause);
  const advice = role === 'client' ? '; check that a peerloom node listens there, and no other program' : '';
  const message = `the TLS handshake failed: ${plainWords(cause)}${advice}`;
  return new PeerloomError('ERR_HANDSHAKE', message, { cause });
}

function closedDuringHandshake(cause?: Error): PeerloomError {
  const message = 'the other side closed the connection during the handshake';
  return new PeerloomError('ERR_CONNECTION_CLOSED', message, { cause });
}

/** OpenSSL's messages carry file names and numbers that help nobody. */
function plainWords(error: Error & { code?: string; reason?: string }): string {
  return error.reason ?? error.code ?? error.message;
}
