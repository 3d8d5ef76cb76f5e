import type { RemoteNode } from '../../channel/channel.ts';
import { limitedSource } from '../../transport/address-limits.ts';

/** The source whose share of memory a neighbour uses: its address, or its id if addresses cost nothing. */
export function sourceOfNode({ id, address, limitsByAddress }: RemoteNode): string {
  return limitedSource(limitsByAddress, address.host, id) ?? id;
}
