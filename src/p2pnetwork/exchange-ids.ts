import type { Socket } from 'node:net';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { PeerIdClaimed } from './claimed-id.ts';
import { AnswerReader, type IdRead, type IdReader, IntroductionReader, introduction } from './ids.ts';

export { PeerIdClaimed };

/** How long a peerloom node that dialled may take to read the answer and hang up. */
const answerFlushMs = 1_000;

/** What this node tells a node that it dials. */
export interface Introduction {
  readonly id: string;
  readonly port: number;
  /** The id that the other side had before, or must have. */
  readonly expectedId?: string | undefined;
}

/** The unproven id that the other side gave. What arrived after it is still on the socket, which is paused. */
export type ClaimedId = Pick<IdRead, 'id' | 'port'>;

/**
 * Does the dialling side of the Python package's handshake: introduces this node and waits for the answer.
 *
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_CONNECTION_CLOSED`, `ERR_SELF_CONNECTION`; {@link PeerIdClaimed} if a
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
 * Waits for the introduction of a node that dialled. It is answered later, once the node is admitted; no answer means a
 * refusal. A dialler that gives the id of a peerloom node receives this node's id, from which it learns to dial by TLS.
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
  /** Advice to add to the error if the connection ends too early. */
  readonly advice: string;
}

async function readId(socket: Socket, reader: IdReader, reading: Reading): Promise<ClaimedId> {
  const { id, port, rest } = await readWith(socket, reader, reading);
  if (rest.length > 0) socket.unshift(Buffer.from(rest));
  return { id, port };
}

/** Sends the text. Resolves when the other side has hung up, or has had time to. */
async function tell(socket: Socket, text: string, runtime: Runtime): Promise<void> {
  if (socket.destroyed) return;
  socket.write(text);
  // The end is noticed only while the socket is read.
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
