import type { Socket } from 'node:net';

/**
 * Ends a connection by a TCP reset, at once. One whose end we have said already is past that: asking for a reset
 * then would leave it open for ever.
 */
export function reset(socket: Socket): void {
  if (socket.writable) socket.resetAndDestroy();
  else socket.destroy();
}
