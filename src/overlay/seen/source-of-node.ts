import type { RemoteNode } from '../../channel/channel.ts';
import { limitedSource } from '../../transport/address-limits.ts';

/** Whose share of memory a neighbour uses: its address's, or its own where an address costs nothing. */
export function sourceOfNode({ id, address, limitsByAddress }: RemoteNode): string {
  return limitedSource(limitsByAddress, address.host, id) ?? id;
}
