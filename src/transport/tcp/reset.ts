import type { Socket } from 'node:net';

/**
 * Ends a connection immediately by a TCP reset. If this side has already ended its direction, the socket is destroyed
 * instead: asking for a reset would then leave it open for ever.
 */
export function reset(socket: Socket): void {
  if (socket.writable) socket.resetAndDestroy();
  else socket.destroy();
}
