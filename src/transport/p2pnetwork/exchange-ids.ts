import type { Socket } from 'node:net';
import { PeerloomError } from '../../errors.ts';
import { isPeerId } from '../../identity.ts';
import type { Runtime, RuntimeTimer } from '../../runtime.ts';
import {
  AnswerReader,
  type IdRead,
  type IdReader,
  IntroductionReader,
  introduction,
} from '../../wire/p2pnetwork/ids.ts';

/** Silence after which an id whose end nothing marks counts as whole. */
const silenceMs = 100;

/** What we say of ourselves to a node that we dial. */
export interface Introduction {
  readonly id: string;
  readonly port: number;
  /** The id that the other side had before, or must have. */
  readonly expectedId?: string | undefined;
}

/** Who the other side says it is, which nothing proves; what arrived behind that is on the socket, which is paused. */
export type ClaimedId = Pick<IdRead, 'id' | 'port'>;

/**
 * Begins the handshake of the Python package, as the side that dials, and waits for the answer.
 *
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_CONNECTION_CLOSED`.
 */
export function introduceTo(
  socket: Socket,
  { id, port, expectedId }: Introduction,
  runtime: Runtime,
): Promise<ClaimedId> {
  socket.write(introduction(id, port));
  return readId(socket, new AnswerReader(expectedId), runtime);
}

/**
 * Waits for the introduction of a node that dialled us. It is answered once the node is known to be welcome: without
 * an answer it knows that it is not.
 *
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_CONNECTION_CLOSED`.
 */
export function introducedBy(socket: Socket, runtime: Runtime): Promise<ClaimedId> {
  return readId(socket, new IntroductionReader(), runtime);
}

async function readId(socket: Socket, reader: IdReader, runtime: Runtime): Promise<ClaimedId> {
  const { id, port, rest } = await readWith(socket, reader, runtime);
  if (rest.length > 0) socket.unshift(Buffer.from(rest));
  if (isPeerId(id)) {
    const message = 'it claims the id of a peerloom node, which only TLS can prove: is the scheme right?';
    throw new PeerloomError('ERR_HANDSHAKE', message);
  }
  return { id, port };
}

function readWith(socket: Socket, reader: IdReader, runtime: Runtime): Promise<IdRead> {
  return new Promise((resolve, reject) => {
    let silence: RuntimeTimer | undefined;
    const finish = (settle: () => void): void => {
      silence?.cancel();
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      socket.pause();
      settle();
    };
    const attempt = (read: () => IdRead | undefined): void => {
      try {
        const found = read();
        if (found !== undefined) finish(() => resolve(found));
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const onData = (bytes: Buffer): void => {
      silence?.cancel();
      silence = runtime.setTimeout(() => attempt(() => reader.settle()), silenceMs);
      attempt(() => reader.push(bytes));
    };
    const onEnd = (): void => {
      const message = 'the connection ended before the other side had said its id';
      finish(() => reject(new PeerloomError('ERR_CONNECTION_CLOSED', message, { cause: socket.errored })));
    };
    if (socket.readableEnded || socket.destroyed) {
      onEnd();
    } else {
      socket.on('data', onData).on('end', onEnd).on('close', onEnd);
      socket.resume();
    }
  });
}
