import type { ResolvedOptions } from '../api/options.ts';
import type { Address } from '../base/address.ts';
import type { Peering } from '../peers/peering.ts';
import { MembershipPart } from './membership-part.ts';

export interface CreateMembershipOptions {
  readonly options: ResolvedOptions;
  /** Available once the node is constructed. */
  readonly peering: () => Peering;
  /** Called when the node should join the network through an address that it knows. */
  readonly onEntryNeeded: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** Creates the membership of a node. @returns `undefined` if the user chooses its neighbours. */
export function createMembership({
  options,
  peering,
  onEntryNeeded,
  onFailure,
}: CreateMembershipOptions): MembershipPart | undefined {
  const { neighbourhood, identity, network, runtime } = options;
  if (neighbourhood === undefined) return undefined;
  return new MembershipPart({
    ...neighbourhood,
    identity,
    network,
    runtime,
    onFailure,
    onEntryNeeded,
    links: {
      parse: (text) => peering().transports.parse(text),
      canDial: (address) => canDial(peering(), address),
      get ownAddresses() {
        return peering().transports.addresses;
      },
      connect: (address, asked) => peering().connector.connectNeighbour(address, asked),
      probe: (address, id) => peering().connector.probe(address, id),
      hold: (id, holder) => peering().hold(id, holder),
      release: (id, holder) => peering().release(id, holder),
      isHeldBy: (id, holder) => peering().isHeldBy(id, holder),
      get stopping() {
        return peering().stopping;
      },
    },
  });
}

function canDial({ transports }: Peering, address: Address): boolean {
  try {
    transports.of(address);
    return true;
  } catch {
    return false;
  }
}
