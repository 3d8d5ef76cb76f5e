import type { Transport } from '../transport/transport.ts';
import { webSocket } from './web-socket.ts';

/** Replaces `default-transports.ts` in bundles for browsers. */
export function defaultTransports(): readonly Transport[] {
  return [webSocket()];
}
