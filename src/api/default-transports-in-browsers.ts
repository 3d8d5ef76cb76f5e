import type { Transport } from '../transport/transport.ts';
import { webSocket } from './web-socket.ts';

/** What bundlers put in the place of `default-transports.ts` in a bundle for browsers. */
export function defaultTransports(): readonly Transport[] {
  return [webSocket()];
}
