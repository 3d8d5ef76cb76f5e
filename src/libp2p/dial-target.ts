import type { Connection, Libp2p } from '@libp2p/interface';
import { type Address, formatAddress } from '../base/address.ts';
import { PeerloomError } from '../base/errors.ts';
import type { ExpectedPeer } from '../transport/transport.ts';
import type { Engine } from './engine.ts';
import { idOf, isRelayed, multiaddrTextOf } from './multiaddr-text.ts';

/** @throws PeerloomError `ERR_ID_MISMATCH`. */
export function dialledText(address: Address, expected: ExpectedPeer | undefined): string {
  const text = multiaddrTextOf(address);
  if (expected === undefined || !expected.isPinned) return text;
  const id = idOf(text);
  if (id === undefined) return `${text}/p2p/${expected.id}`;
  if (id === expected.id) return text;
  const message = `${formatAddress(address)} is the address of another node than the expected ${expected.id}`;
  throw new PeerloomError('ERR_ID_MISMATCH', message);
}

/** @throws PeerloomError `ERR_ADDRESS_INVALID`. */
export function readMultiaddr({ multiaddr }: Engine, text: string): ReturnType<Engine['multiaddr']> {
  try {
    return multiaddr(text);
  } catch (cause) {
    const message = `The address '${text}' cannot be used: libp2p does not read it.`;
    throw new PeerloomError('ERR_ADDRESS_INVALID', message, { cause });
  }
}

/** Makes libp2p forget a node that it could not dial. Otherwise it would remember each of them. */
export async function forgetUndialled(node: Libp2p, text: string): Promise<void> {
  const id = idOf(text);
  const isConnected = node.getPeers().some((one) => one.toString() === id);
  if (id === undefined || isConnected) return;
  const { peerStore } = node;
  const known = await peerStore.all({ filters: [(peer) => peer.id.toString() === id] }).catch(() => []);
  for (const peer of known) await peerStore.delete(peer.id).catch(() => {});
}

/** @throws PeerloomError `ERR_SELF_CONNECTION` if the address leads to this node. libp2p only notices this over TCP. */
export function checkSelf(node: Libp2p, text: string): void {
  const isOwn = (one: string): boolean => one === text || one === `${text}/p2p/${node.peerId}`;
  if (idOf(text) !== node.peerId.toString() && !node.getMultiaddrs().some((one) => isOwn(one.toString())))
    return;
  const message = `${text} leads to this node itself: use the address of another node`;
  throw new PeerloomError('ERR_SELF_CONNECTION', message);
}

/** Returns an existing connection with the node of an address. It is direct if the address is. */
export function usableConnection(node: Libp2p, text: string): Connection | undefined {
  const id = idOf(text);
  if (id === undefined) return undefined;
  const mayBeRelayed = isRelayed(text) || text === `/p2p/${id}`;
  return node
    .getConnections()
    .filter(({ remotePeer, status }) => status === 'open' && remotePeer.toString() === id)
    .sort((one, other) => Number(other.direct) - Number(one.direct))
    .find(({ direct }) => direct || mayBeRelayed);
}
