import type { ProtocolHost, ProtocolPeer } from '../api/protocol.ts';
import type { Membership, MembershipOptions } from '../overlay/membership/membership.ts';
import type { OverlayPart } from '../overlay/overlay.ts';
import type { NeighbourGate } from '../peers/neighbour-gate.ts';
import { loadPart } from './load-part.ts';
import type { Parts } from './parts-on-demand.ts';

/** What finds the neighbours of a node. It is there at once, but a page loads it when the node starts. */
export class MembershipPart implements OverlayPart, NeighbourGate {
  readonly kinds = { first: 16, last: 31 };
  readonly #options: MembershipOptions;
  #membership: Membership | undefined;
  #host: ProtocolHost | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const part = loadPart('membership');
    if (part instanceof Promise)
      part.catch(() => {}); // the start of the node meets the same error
    else this.#make(part);
  }

  /** `undefined` in a page, until {@link load} has resolved. */
  get current(): Membership | undefined {
    return this.#membership;
  }

  /** @throws PeerloomError `ERR_NOT_LOADED`. */
  async load(): Promise<Membership> {
    return this.#membership ?? this.#make(await loadPart('membership'));
  }

  attach(host: ProtocolHost): void {
    this.#host = host;
    this.#membership?.attach(host);
  }

  opened(peer: ProtocolPeer): void {
    this.#membership?.opened(peer);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void> {
    return this.#membership?.received(peer, bytes);
  }

  closed(peer: ProtocolPeer): void {
    this.#membership?.closed(peer);
  }

  unlinked(peer: ProtocolPeer): void {
    this.#membership?.unlinked(peer);
  }

  admits(...asked: Parameters<NeighbourGate['admits']>): boolean {
    return this.#membership?.admits(...asked) === true;
  }

  held(id: string): void {
    this.#membership?.held(id);
  }

  #make({ Membership: Made }: Parts['membership']): Membership {
    if (this.#membership !== undefined) return this.#membership;
    this.#membership = new Made(this.#options);
    if (this.#host !== undefined) this.#membership.attach(this.#host);
    return this.#membership;
  }
}
