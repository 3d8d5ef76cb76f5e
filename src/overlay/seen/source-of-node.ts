import { isLoopback, sourceOf } from '../../base/address.ts';
import type { RemoteNode } from '../../channel/channel.ts';

/** Whose share of memory a neighbour uses: its address's, or its own where an address costs nothing. */
export function sourceOfNode({ id, address, limitsByAddress }: RemoteNode): string {
  const isFree = !limitsByAddress || isLoopback(address.host);
  return isFree ? id : sourceOf(address.host);
}
