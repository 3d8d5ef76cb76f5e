import { connect, createServer, type Server, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, TLSSocket, type TLSSocketOptions } from 'node:tls';
import type { Address } from '../../base/address.ts';

/*
 * This file creates all sockets and listeners of the transport, so that each has an 'error' listener from its first
 * moment to its last. A socket that fails without one ends the process. Other code may add and remove its own listeners
 * at any time.
 */

/** Starts to connect to an address. */
export function dialSocket(host: string, port: number): Socket {
  return withErrorListener(connect({ host, port, noDelay: true }));
}

/** Creates a listener that passes on each socket it accepts. */
export function socketListener(onSocket: (socket: Socket) => void): Server {
  return withErrorListener(createServer({ noDelay: true }, (socket) => onSocket(withErrorListener(socket))));
}

/** Creates the dialling side of TLS on a socket. */
export function tlsClient(socket: Socket, options: ConnectionOptions): TLSSocket {
  return withErrorListener(connectTls({ ...options, socket }));
}

/** Creates the listening side of TLS on a socket. */
export function tlsServer(socket: Socket, options: TLSSocketOptions): TLSSocket {
  return withErrorListener(new TLSSocket(socket, { ...options, isServer: true }));
}

function withErrorListener<Emitter extends Server | Socket>(emitter: Emitter): Emitter {
  emitter.on('error', () => {});
  return emitter;
}

/** The remote address. IPv4 addresses that a dual-stack socket shows as IPv6 become IPv4 again. */
export function remoteAddressOf(socket: Socket): Address {
  const host = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
  return { scheme: undefined, host, port: socket.remotePort ?? 0 };
}
