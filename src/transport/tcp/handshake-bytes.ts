import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';

/** How often handshakes are checked, because OpenSSL reports nothing while a message is incomplete. */
const checkEveryMs = 5;

/**
 * Ends a TLS handshake for which the other side sends more than `maxBytes`. OpenSSL itself allows a first message of
 * 128 KiB, in records of one byte each.
 *
 * @returns a function that stops the checks.
 */
export function boundHandshakeBytes(
  socket: Socket,
  secured: TLSSocket,
  { maxBytes, runtime }: { maxBytes: number; runtime: Runtime },
): () => void {
  let timer: RuntimeTimer;
  const check = (): void => {
    if (socket.bytesRead > maxBytes) secured.destroy(longHandshake(maxBytes));
    else if (!socket.destroyed) timer = runtime.setTimeout(check, checkEveryMs);
  };
  timer = runtime.setTimeout(check, checkEveryMs);
  return () => timer.cancel();
}

export function longHandshake(maxBytes: number): PeerloomError {
  return new PeerloomError(
    'ERR_HANDSHAKE',
    `its handshake was longer than ${maxBytes} bytes (limits.maxHandshakeBytes)`,
  );
}
