import type { Socket } from 'node:net';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { PeerIdClaimed } from './claimed-id.ts';
import { AnswerReader, type IdRead, type IdReader, IntroductionReader, introduction } from './ids.ts';

export { PeerIdClaimed };

/** How long a peerloom node that dialled gets to read who answers; it hangs up then. */
const answerFlushMs = 1_000;

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
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_CONNECTION_CLOSED`, `ERR_SELF_CONNECTION`; {@link PeerIdClaimed} where a
 * peerloom node answers.
 */
export function introduceTo(
  socket: Socket,
  { id, port, expectedId }: Introduction,
  runtime: Runtime,
): Promise<ClaimedId> {
  socket.write(introduction(id, port));
  const advice =
    ': a Python node refuses this one, or a peerloom node listens there that accepts no Python nodes (tls:// reaches it)';
  return readId(socket, new AnswerReader({ ownId: id, expectedId }), { runtime, advice });
}

/**
 * Waits for the introduction of a node that dialled us. It is answered once the node is known to be welcome: without
 * an answer it knows that it is not. A dialler that gives the id of a peerloom node gets the id of this node, from which a
 * peerloom node learns to dial by TLS.
 *
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_CONNECTION_CLOSED`.
 */
export async function introducedBy(socket: Socket, ownId: string, runtime: Runtime): Promise<ClaimedId> {
  try {
    return await readId(socket, new IntroductionReader(), { runtime, advice: '' });
  } catch (error) {
    if (error instanceof PeerIdClaimed) await tell(socket, ownId, runtime);
    throw error;
  }
}

interface Reading {
  readonly runtime: Runtime;
  /** What to add when the connection ends too early. */
  readonly advice: string;
}

async function readId(socket: Socket, reader: IdReader, reading: Reading): Promise<ClaimedId> {
  const { id, port, rest } = await readWith(socket, reader, reading);
  if (rest.length > 0) socket.unshift(Buffer.from(rest));
  return { id, port };
}

/** Resolves when the other side has hung up, or has had the time to. */
async function tell(socket: Socket, text: string, runtime: Runtime): Promise<void> {
  if (socket.destroyed) return;
  socket.write(text);
  // Its end shows only while the socket is read.
  socket.resume();
  await new Promise<void>((resolve) => {
    const timer = runtime.setTimeout(resolve, answerFlushMs);
    socket.once('close', () => {
      timer.cancel();
      resolve();
    });
  });
}

function readWith(socket: Socket, reader: IdReader, { runtime, advice }: Reading): Promise<IdRead> {
  return new Promise((resolve, reject) => {
    let silence: RuntimeTimer | undefined;
    let isOver = false;
    const finish = (settle: () => void): void => {
      isOver = true;
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
      attempt(() => reader.push(bytes));
      if (!isOver) silence = runtime.setTimeout(() => attempt(() => reader.settle()), reader.silenceMs);
    };
    const onEnd = (): void => {
      const message = `the connection ended before the other side had sent its id${advice}`;
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
