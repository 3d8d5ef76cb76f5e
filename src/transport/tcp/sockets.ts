import { connect, createServer, type Server, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, TLSSocket, type TLSSocketOptions } from 'node:tls';
import type { Address } from '../../base/address.ts';

/*
 * This file makes all sockets and listeners of the transport, so that each has an 'error' listener from its first
 * moment to its last. A socket that fails at a moment without one ends the process. Other code listens to errors to
 * learn of them and may stop to do so at any time.
 */

/** Begins to connect to an address. */
export function dialSocket(host: string, port: number): Socket {
  return withErrorListener(connect({ host, port, noDelay: true }));
}

/** A listener that hands over each socket it accepts. */
export function socketListener(onSocket: (socket: Socket) => void): Server {
  return withErrorListener(createServer({ noDelay: true }, (socket) => onSocket(withErrorListener(socket))));
}

/** The dialling side of TLS on a socket. */
export function tlsClient(socket: Socket, options: ConnectionOptions): TLSSocket {
  return withErrorListener(connectTls({ ...options, socket }));
}

/** The listening side of TLS on a socket. */
export function tlsServer(socket: Socket, options: TLSSocketOptions): TLSSocket {
  return withErrorListener(new TLSSocket(socket, { ...options, isServer: true }));
}

function withErrorListener<Emitter extends Server | Socket>(emitter: Emitter): Emitter {
  emitter.on('error', () => {});
  return emitter;
}

/** IPv4 addresses that a dual-stack socket shows as IPv6 are shown as what they are. */
export function remoteAddressOf(socket: Socket): Address {
  const host = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
  return { scheme: undefined, host, port: socket.remotePort ?? 0 };
}
