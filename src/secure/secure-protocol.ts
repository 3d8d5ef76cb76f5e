import type { Protocol, ProtocolPeer } from '../api/protocol.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import { channelOf } from '../protocols/protocols.ts';
import { Neighbour, type NeighbourOptions } from './neighbour.ts';
import { SecureChannel } from './secure-channel.ts';
import { secureProtocol } from './secure-frames.ts';

export interface SecureProtocolOptions extends Omit<NeighbourOptions, 'onGrowth'> {
  readonly budget: MemoryBudget;
  readonly onOpened: (neighbour: Neighbour) => void;
  readonly onClosed: (neighbour: Neighbour) => void;
}

/**
 * The protocol between SecureNodes, apart from their users' messages: letters that they pass on, and requests about
 * vaults. A peer that speaks it is a neighbour.
 */
export class SecureProtocol implements Protocol {
  readonly name = secureProtocol;
  readonly #neighbours = new Map<ProtocolPeer, Neighbour>();
  #options!: SecureProtocolOptions;

  /** Sets the options. Call it before the node connects. */
  use(options: SecureProtocolOptions): void {
    this.#options = options;
  }

  attach(): void {}

  opened(peer: ProtocolPeer): void {
    const { budget, onOpened } = this.#options;
    const channel = channelOf(peer);
    if (!(channel instanceof SecureChannel))
      throw new TypeError('the channel of a SecureNode is none of its own');
    const neighbour = new Neighbour(peer, channel, { ...this.#options, onGrowth: budget.grew });
    this.#neighbours.set(peer, neighbour);
    budget.open(neighbour);
    onOpened(neighbour);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void> {
    return this.#neighbours.get(peer)!.receive(bytes);
  }

  closed(peer: ProtocolPeer): void {
    const { budget, onClosed } = this.#options;
    const neighbour = this.#neighbours.get(peer)!;
    this.#neighbours.delete(peer);
    budget.close(neighbour);
    neighbour.close();
    onClosed(neighbour);
  }
}
