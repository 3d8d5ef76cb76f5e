import type { Duplex } from 'node:stream';
import { PeerloomError } from '../../base/errors.ts';

/**
 * Reads the next `length` bytes of a pipe that is not flowing. What follows stays unread.
 *
 * It listens for data and puts the rest back: `read(length)` with `'readable'` events would block the event loop while
 * there are some bytes but too few.
 *
 * @throws PeerloomError `ERR_CONNECTION_CLOSED` if the pipe ends or fails first.
 */
export function readExactly(pipe: Duplex, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const stop = (): void => {
      pipe.off('data', onData).off('end', onEnd).off('close', onEnd);
      pipe.pause();
    };
    const onData = (piece: Buffer): void => {
      bytes = Buffer.concat([bytes, piece]);
      if (bytes.length < length) return;
      stop();
      if (bytes.length > length) pipe.unshift(bytes.subarray(length));
      resolve(bytes.subarray(0, length));
    };
    const onEnd = (): void => {
      stop();
      const cause = pipe.errored;
      const message = 'the other side closed the connection during the handshake';
      const isOurs = cause instanceof PeerloomError;
      reject(isOurs ? cause : new PeerloomError('ERR_CONNECTION_CLOSED', message, { cause }));
    };
    if (pipe.readableEnded || pipe.destroyed) {
      onEnd();
    } else {
      pipe.on('data', onData).on('end', onEnd).on('close', onEnd);
      pipe.resume();
    }
  });
}
