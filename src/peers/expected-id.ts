import { type Address, formatAddress } from '../base/address.ts';
import { PeerloomError } from '../base/errors.ts';
import type { ExpectedPeer, Link } from '../transport/transport.ts';

/** The node that should answer a dial: the one that the user named, or else the one that answered there last. */
export function expectedPeer({
  id,
  lastId,
}: {
  readonly id?: string | undefined;
  readonly lastId?: string | undefined;
}): ExpectedPeer | undefined {
  if (id !== undefined) return { id, isPinned: true };
  return lastId === undefined ? undefined : { id: lastId, isPinned: false };
}

/** @throws PeerloomError if the link leads to another node than expected. The link has ended then. */
export function checkId(link: Link, address: Address, expectedId: string | undefined, ownId: string): void {
  const { remoteId } = link;
  if (expectedId !== undefined && expectedId !== remoteId) {
    link.destroy();
    const message = `the node at ${formatAddress(address)} has the id ${remoteId}, not the expected ${expectedId}: if it has a new identity on purpose, expect its new id`;
    throw new PeerloomError('ERR_ID_MISMATCH', message);
  }
  if (remoteId === ownId) {
    link.destroy();
    const message = `${formatAddress(address)} leads to this node itself: use the address of another node`;
    throw new PeerloomError('ERR_SELF_CONNECTION', message);
  }
}
