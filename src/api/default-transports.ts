import type { Transport } from '../transport/transport.ts';
import { tcp } from './tcp.ts';

/** The transports of a node without the option `transports`. */
export function defaultTransports(): readonly Transport[] {
  return [tcp()];
}
