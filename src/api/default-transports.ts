import type { Transport } from '../transport/transport.ts';
import { tcp } from './tcp.ts';

/** What a node uses that names no transport. */
export function defaultTransports(): readonly Transport[] {
  return [tcp()];
}
