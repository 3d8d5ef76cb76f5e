import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { PeerloomError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import type { Runtime } from '../../base/runtime.ts';
import { networkKeyMessage } from '../pipe/handshake-errors.ts';
import type { Role } from '../pipe/plain-proof.ts';
import { boundHandshakeBytes, longHandshake } from './handshake-bytes.ts';
import { boundKeyUpdates } from './key-updates.ts';
import { reset } from './reset.ts';

/** The alerts that a side with a network key sends to a side with another key, or with none. */
const networkKeyAlerts = /ALERT_(DECRYPT_ERROR|HANDSHAKE_FAILURE)$/;

/** OpenSSL's errors for first bytes that are not TLS. It sends no answer then. */
const noTls = /^ERR_SSL_(WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST)$/;

/** A TLS connection whose two sides have proven their ids. */
export interface AuthenticatedSocket {
  readonly socket: TLSSocket;
  readonly remoteId: string;
  /** Whether the dialler proved its id for another network than this node's. */
  readonly isOfOtherNetwork?: boolean;
}

/** This side of a connection that becomes TLS. */
export interface TlsSide {
  readonly role: Role;
  /** @throws if the node that has proven this id is not the expected one. */
  readonly checkId: (id: string) => void;
}

/** Turns sockets into TLS 1.3 connections whose two sides have proven their ids. */
export interface TlsUpgrade {
  /** Prepares this side for accepting connections. @throws PeerloomError `ERR_SIGNER`. */
  prepare?(): Promise<void>;
  /**
   * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_NETWORK_MISMATCH`, `ERR_CONNECTION_CLOSED`, and what `checkId` throws.
   */
  secure(socket: Socket, side: TlsSide): Promise<AuthenticatedSocket>;
}

/** The bounds of the work that the other side can cause in TLS. */
export interface TlsBounds {
  readonly limits: Limits;
  readonly runtime: Runtime;
}

/** Resolves when TLS is up on the socket. */
export function handshake(
  secured: TLSSocket,
  socket: Socket,
  { role, limits, runtime }: TlsBounds & { readonly role: Role },
): Promise<void> {
  boundKeyUpdates(secured, role, runtime);
  const maxBytes = limits.maxHandshakeBytes;
  const stopChecking = boundHandshakeBytes(socket, secured, { maxBytes, runtime });
  return new Promise<void>((resolve, reject) => {
    const done = role === 'client' ? 'secureConnect' : 'secure';
    const onError = (cause: Error & { code?: string }): void => {
      // A Python node would take any end other than a reset for an empty id.
      if (role === 'server' && noTls.test(cause.code ?? '')) reset(socket);
      reject(handshakeError(cause, role));
    };
    const onClose = (): void => reject(closedDuringHandshake());
    secured.once('error', onError).once('close', onClose);
    secured.once(done, () => {
      secured.off('error', onError).off('close', onClose);
      // A dialler's first frames may have arrived with the end of its handshake. A listener waits for them.
      if (role === 'client' && socket.bytesRead > maxBytes) reject(longHandshake(maxBytes));
      else resolve();
    });
  }).finally(stopChecking);
}

function handshakeError(cause: Error & { code?: string }, role: Role): PeerloomError {
  if (cause instanceof PeerloomError) return cause;
  if (noTls.test(cause.code ?? '')) {
    const message =
      role === 'client'
        ? 'the other side does not speak TLS: check that a peerloom node listens there, and not another program. Use tcp:// for plain peerloom, and p2pnetwork:// for nodes of the Python package'
        : 'it does not speak TLS (perhaps it is a plain peerloom node or a p2pnetwork node), and this node accepts only TLS: see the option tcp({ accept })';
    return new PeerloomError('ERR_HANDSHAKE', message, { cause });
  }
  if (networkKeyAlerts.test(cause.code ?? '')) {
    return new PeerloomError('ERR_NETWORK_MISMATCH', networkKeyMessage, { cause });
  }
  if (cause.code === 'ECONNRESET') return closedDuringHandshake(cause);
  const advice =
    role === 'client' ? '; check that a peerloom node listens there, and not another program' : '';
  const message = `the TLS handshake failed: ${plainWords(cause)}${advice}`;
  return new PeerloomError('ERR_HANDSHAKE', message, { cause });
}

function closedDuringHandshake(cause?: Error): PeerloomError {
  const message = 'the other side closed the connection during the handshake';
  return new PeerloomError('ERR_CONNECTION_CLOSED', message, { cause });
}

/** OpenSSL's messages carry file names and numbers that do not help users. */
function plainWords(error: Error & { code?: string; reason?: string }): string {
  return error.reason ?? error.code ?? error.message;
}
