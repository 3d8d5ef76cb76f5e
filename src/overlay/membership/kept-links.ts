import type { ProtocolPeer } from '../../api/protocol.ts';
import { Holder } from '../../peers/holder.ts';
import type { TopicLinks } from '../history/keeper-links.ts';
import type { AddressRecord } from './address-record.ts';
import { Anchors } from './anchors.ts';
import type { ContactDialler, LinkDialler } from './contact-dialler.ts';
import type { Contact } from './contacts.ts';
import { encodeMembershipFrame } from './membership-frames.ts';
import type { MembershipLink } from './membership-link.ts';

export interface KeptLinksOptions {
  readonly links: LinkDialler;
  readonly dialler: ContactDialler;
  readonly linkWith: (id: string) => MembershipLink | undefined;
  /** One at random of the nodes of the min-wise sample that fit. */
  readonly sampled: (fits: (contact: Contact) => boolean) => Contact | undefined;
  /** What this node knows of itself. */
  readonly ownRecord: () => AddressRecord | undefined;
  /** Takes over what a peer says of a node. `undefined`: it is of no use. */
  readonly admit: (record: AddressRecord, teller: MembershipLink) => Contact | undefined;
  /** An anchor cannot be reached. */
  readonly onFailed: (id: string) => void;
}

/** Links that the overlay keeps beside those with neighbours: for topics, and with anchors. */
export class KeptLinks implements TopicLinks {
  readonly #options: KeptLinksOptions;
  readonly #anchors: Anchors<Contact>;

  constructor(options: KeptLinksOptions) {
    const { links, linkWith, sampled } = options;
    this.#options = options;
    this.#anchors = new Anchors({
      choose: sampled,
      isConnected: (id) => linkWith(id) !== undefined,
      isKept: (id) => links.isHeldBy(id, Holder.anchor),
      connect: (contact) => void this.#connectAnchor(contact),
    });
  }

  round(): void {
    this.#anchors.round();
  }

  get record(): AddressRecord | undefined {
    return this.#options.ownRecord();
  }

  async reach(record: AddressRecord, teller: ProtocolPeer): Promise<boolean> {
    const { links, dialler, linkWith, admit } = this.#options;
    const link = linkWith(teller.id);
    const contact = link && admit(record, link);
    if (contact === undefined || links.stopping.aborted) return false;
    if (this.#hold(record.id)) return true;
    return (await dialler.dial(contact, 'open', Holder.topic)) === 'connected';
  }

  holdForTopic(id: string): void {
    this.#hold(id);
  }

  releaseFromTopics(id: string): void {
    const { links, linkWith } = this.#options;
    links.release(id, Holder.topic);
    // The other side may hold the connection for this one alone.
    if ([Holder.user, Holder.anchor].some((one) => links.isHeldBy(id, one))) return;
    linkWith(id)?.send(encodeMembershipFrame({ kind: 'release' }));
  }

  /** The other side must not close a connection that this node wants: it learns so. */
  tellHeld(id: string): void {
    this.#options.linkWith(id)?.send(encodeMembershipFrame({ kind: 'hold' }));
  }

  #hold(id: string): boolean {
    if (!this.#options.links.hold(id, Holder.topic)) return false;
    this.tellHeld(id);
    return true;
  }

  async #connectAnchor(contact: Contact): Promise<void> {
    const { links, dialler, onFailed } = this.#options;
    const outcome = await dialler.dial(contact, 'anchor', Holder.anchor);
    if (outcome === 'connected') this.#anchors.up();
    else this.#anchors.failed();
    if (outcome === 'failed' && !links.stopping.aborted) onFailed(contact.id);
  }
}
