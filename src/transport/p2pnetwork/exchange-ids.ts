import type { Socket } from 'node:net';
import { PeerloomError } from '../../errors.ts';
import { isPeerId } from '../../identity.ts';
import type { Runtime } from '../../runtime.ts';
import {
  AnswerReader,
  type IdRead,
  type IdReader,
  IntroductionReader,
  introduction,
} from '../../wire/p2pnetwork/ids.ts';
import { encodeText } from '../../wire/text.ts';

/** Silence after which an id whose end nothing marks counts as whole. */
const silenceMs = 100;

/**
 * A Python node takes all that it reads at once, up to 4 KiB, for our id: nothing may follow it closely. It sleeps
 * 10 ms between two reads.
 */
const pauseAfterAnswerMs = 50;

export interface IdExchange {
  readonly role: 'client' | 'server';
  /** What we say of ourselves. */
  readonly id: string;
  readonly port: number;
  /** The id that the other side must have, where that is known. */
  readonly expectedId?: string | undefined;
  readonly runtime: Runtime;
}

/**
 * The handshake of the Python package: the dialler says `id:port`, the other its id. Neither is proven. What
 * arrived behind the id stays on the socket, which is paused.
 *
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_CONNECTION_CLOSED`.
 */
export async function exchangeIds(
  socket: Socket,
  exchange: IdExchange,
): Promise<{ id: string; port: number }> {
  const { role, id, port, expectedId, runtime } = exchange;
  if (role === 'client') socket.write(introduction(id, port));
  const read = await readId(
    socket,
    role === 'client' ? new AnswerReader(expectedId) : new IntroductionReader(),
    runtime,
  );
  if (isPeerId(read.id)) {
    throw new PeerloomError('ERR_HANDSHAKE', 'it claims the id of a peerloom node, which only TLS can prove');
  }
  if (role === 'server') {
    socket.write(encodeText(id));
    await new Promise<void>((resolve) => runtime.setTimeout(resolve, pauseAfterAnswerMs));
  }
  return read;
}

function readId(socket: Socket, reader: IdReader, runtime: Runtime): Promise<IdRead> {
  return new Promise((resolve, reject) => {
    let timer = runtime.setTimeout(() => {}, 0);
    const finish = (settle: () => void): void => {
      timer.cancel();
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      socket.pause();
      settle();
    };
    const look = (look: () => IdRead | undefined): void => {
      try {
        const read = look();
        if (read === undefined) return;
        finish(() => {
          if (read.rest.length > 0) socket.unshift(Buffer.from(read.rest));
          resolve(read);
        });
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const onData = (bytes: Buffer): void => {
      timer.cancel();
      timer = runtime.setTimeout(() => look(() => reader.settle()), silenceMs);
      look(() => reader.push(bytes));
    };
    const onEnd = (): void => {
      const message = 'the connection ended before the other side had said its id';
      finish(() => reject(new PeerloomError('ERR_CONNECTION_CLOSED', message)));
    };
    socket.on('data', onData).on('end', onEnd).on('close', onEnd);
  });
}
