import { isIP, type Socket } from 'node:net';
import type { Address } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import { unlessAborted } from '../../base/unless-aborted.ts';
import type { TransportContext } from '../transport.ts';
import { hostLookup } from './host-lookup.ts';
import { dialSocket } from './sockets.ts';
import { staggered } from './staggered.ts';

/**
 * Opens a TCP connection to the address of the host that answers first.
 *
 * @throws the system's error for the last address; PeerloomError `ERR_TIMEOUT`; the signal's reason.
 */
export async function openSocket(
  { host, port }: Address,
  { limits, runtime }: Pick<TransportContext, 'limits' | 'runtime'>,
  signal: AbortSignal,
  { lookup = hostLookup, dial = dialSocket } = {},
): Promise<Socket> {
  const candidates =
    isIP(host) > 0 ? [{ address: host }] : await unlessAborted(lookup.addressesOf(host), signal);
  return staggered({
    candidates,
    runtime,
    signal,
    discard: (socket) => socket.destroy(),
    attempt: async ({ address }, ending) => {
      const socket = dial(address, port);
      const timer = runtime.setTimeout(() => {
        const message = `${host} port ${port} did not answer within ${limits.dialAddressTimeoutMs} ms (limits.dialAddressTimeoutMs): check the host, the port and the firewall`;
        socket.destroy(new PeerloomError('ERR_TIMEOUT', message));
      }, limits.dialAddressTimeoutMs);
      try {
        await unlessAborted(connected(socket), ending);
        return socket;
      } catch (error) {
        socket.destroy();
        throw error;
      } finally {
        timer.cancel();
      }
    },
  });
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
