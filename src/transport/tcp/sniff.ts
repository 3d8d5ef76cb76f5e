import type { Socket } from 'node:net';
import { PeerloomError } from '../../base/errors.ts';
import { preface } from '../pipe/plain-proof.ts';

/** The protocol of an inbound connection. */
export type SniffedProtocol = 'tls' | 'plain' | 'websocket' | 'unknown';

/** The first bytes of plain peerloom connections. */
export const plainPreface = Buffer.from(preface);

const tlsHandshakeRecord = 0x16;

/** The beginnings of HTTP requests for WebSockets and pages. */
const httpMethods = ['GET ', 'HEAD '].map((method) => Buffer.from(method));

/** Recognises the protocol by the first bytes. `undefined` while there are too few. */
export function protocolOf(firstBytes: Uint8Array): SniffedProtocol | undefined {
  if (firstBytes.length === 0) return undefined;
  if (firstBytes[0] === tlsHandshakeRecord) return 'tls';
  if (httpMethods.some((method) => begins(firstBytes, method))) return 'websocket';
  if (begins(firstBytes, plainPreface)) return 'plain';
  const mayBegin = [plainPreface, ...httpMethods].some((start) => begins(start, firstBytes));
  return mayBegin ? undefined : 'unknown';
}

function begins(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, at) => byte === bytes[at]);
}

/**
 * Waits for the first bytes and recognises the protocol. The bytes stay on the socket.
 *
 * @throws PeerloomError `ERR_CONNECTION_CLOSED` if the socket ends first.
 */
export function sniff(socket: Socket): Promise<SniffedProtocol> {
  return new Promise((resolve, reject) => {
    let first: Buffer = Buffer.alloc(0);
    const finish = (settle: () => void): void => {
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      socket.pause();
      if (first.length > 0) socket.unshift(first);
      settle();
    };
    const onData = (bytes: Buffer): void => {
      first = first.length === 0 ? bytes : Buffer.concat([first, bytes]);
      const protocol = protocolOf(first);
      if (protocol !== undefined) finish(() => resolve(protocol));
    };
    const onEnd = (): void => {
      finish(() =>
        reject(
          new PeerloomError(
            'ERR_CONNECTION_CLOSED',
            'the other side closed the connection without sending anything',
          ),
        ),
      );
    };
    // The socket may have ended while it waited for its turn.
    if (socket.readableEnded || socket.destroyed) onEnd();
    else socket.on('data', onData).on('end', onEnd).on('close', onEnd);
  });
}
