import { tcp } from '../transport/tcp/tcp.ts';
import type { Transport } from '../transport/transport.ts';

/** What a node uses that names no transport. */
export function defaultTransports(): readonly Transport[] {
  return [tcp()];
}
