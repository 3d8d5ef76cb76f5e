import type { Socket } from 'node:net';
import { PeerloomError } from '../../base/errors.ts';

/**
 * The next `length` bytes of a socket that is not flowing; what follows stays unread.
 *
 * It listens for data and gives the rest back: `read(length)` with `'readable'` events would never let go of
 * the event loop while there are some bytes, and too few.
 *
 * @throws PeerloomError `ERR_CONNECTION_CLOSED` when the socket ends or fails first.
 */
export function readExactly(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const stop = (): void => {
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      socket.pause();
    };
    const onData = (piece: Buffer): void => {
      bytes = Buffer.concat([bytes, piece]);
      if (bytes.length < length) return;
      stop();
      if (bytes.length > length) socket.unshift(bytes.subarray(length));
      resolve(bytes.subarray(0, length));
    };
    const onEnd = (): void => {
      stop();
      const cause = socket.errored;
      const message = 'the other side closed the connection during the handshake';
      const isOurs = cause instanceof PeerloomError;
      reject(isOurs ? cause : new PeerloomError('ERR_CONNECTION_CLOSED', message, { cause }));
    };
    if (socket.readableEnded || socket.destroyed) {
      onEnd();
    } else {
      socket.on('data', onData).on('end', onEnd).on('close', onEnd);
      socket.resume();
    }
  });
}
