import { lookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import type { Address } from '../../address.ts';
import { PeerloomError } from '../../errors.ts';
import { unlessAborted } from '../../unless-aborted.ts';
import type { TransportContext } from '../transport.ts';
import { dialSocket } from './sockets.ts';

/**
 * Opens a TCP connection to the first address of the host that answers.
 *
 * @throws what the system says, of the last address; PeerloomError `ERR_TIMEOUT`; the signal's reason.
 */
export async function openSocket(
  { host, port }: Address,
  { limits, runtime }: Pick<TransportContext, 'limits' | 'runtime'>,
  signal: AbortSignal,
): Promise<Socket> {
  const addresses =
    isIP(host) > 0 ? [{ address: host }] : await unlessAborted(lookup(host, { all: true }), signal);
  let failure: unknown;
  for (const { address } of addresses) {
    const socket = dialSocket(address, port);
    const timer = runtime.setTimeout(() => {
      const message = `${host} port ${port} did not answer within ${limits.dialAddressTimeoutMs} ms`;
      socket.destroy(new PeerloomError('ERR_TIMEOUT', message));
    }, limits.dialAddressTimeoutMs);
    try {
      await unlessAborted(connected(socket), signal);
      return socket;
    } catch (error) {
      socket.destroy();
      signal.throwIfAborted();
      failure = error;
    } finally {
      timer.cancel();
    }
  }
  throw failure;
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve();
    });
    socket.once('error', reject);
  });
}
