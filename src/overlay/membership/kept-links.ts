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
  /** Returns a random node of the min-wise sample that fits. */
  readonly sampled: (fits: (contact: Contact) => boolean) => Contact | undefined;
  /** Returns this node's own record. */
  readonly ownRecord: () => AddressRecord | undefined;
  /** Accepts the record of a node from a peer. Returns `undefined` if it is not usable. */
  readonly admit: (record: AddressRecord, teller: MembershipLink) => Contact | undefined;
  /** Called when an anchor cannot be reached. */
  readonly onFailed: (id: string) => void;
}

/** Links that the overlay keeps beside the links with neighbours: for topics, and with anchors. */
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
    // The other side may keep the connection only because this side needs it.
    if ([Holder.user, Holder.anchor].some((one) => links.isHeldBy(id, one))) return;
    linkWith(id)?.send(encodeMembershipFrame({ kind: 'release' }));
  }

  /** Tells the other side that this node needs the connection, so that it does not close it. */
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
