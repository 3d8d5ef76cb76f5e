import type { Socket } from 'node:net';
import { PeerloomError } from '../../errors.ts';

/**
 * The next `length` bytes of a socket that is not flowing; what follows stays unread.
 *
 * @throws PeerloomError `ERR_CONNECTION_CLOSED` when the socket ends or fails first.
 */
export async function readExactly(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = socket.read(length);
    if (bytes !== null && bytes.length === length) return bytes;
    if (bytes !== null || socket.readableEnded || socket.destroyed) {
      const message = 'the other side closed the connection during the handshake';
      throw new PeerloomError('ERR_CONNECTION_CLOSED', message, { cause: socket.errored });
    }
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const event of events) socket.off(event, done);
        resolve();
      };
      for (const event of events) socket.on(event, done);
    });
  }
}

const events = ['readable', 'end', 'error', 'close'] as const;
