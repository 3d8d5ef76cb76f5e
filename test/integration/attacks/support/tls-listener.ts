import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';

/** The listening side of TLS on a connection, as a node expects it; its errors are left alone. */
export function acceptTls(socket: Socket, secureContext: SecureContext): TLSSocket {
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext,
    requestCert: false,
    rejectUnauthorized: false,
    ALPNProtocols: ['peerloom'],
  });
  return secured.on('error', () => {});
}
