import { PeerloomError } from '../../base/errors.ts';
import type { HostScope } from '../../base/host-scope.ts';
import type { AddressRecord } from './address-record.ts';
import type { ContactDialler } from './contact-dialler.ts';
import type { Contact } from './contacts.ts';
import { encodeMembershipFrame, type MembershipFrame } from './membership-frames.ts';
import type { MembershipLink } from './membership-link.ts';
import { OwnRecord, type OwnRecordOptions } from './own-record.ts';

export interface IntroductionsOptions extends Omit<OwnRecordOptions, 'onChange'> {
  readonly dialler: ContactDialler;
  readonly links: () => Iterable<MembershipLink>;
}

/** What nodes say of their addresses: peers tell each other their own records, and later those of other nodes. */
export class Introductions {
  readonly #options: IntroductionsOptions;
  readonly #own: OwnRecord;
  /** Where the peer is whose frame is being read. */
  #teller: HostScope = 'loopback';

  constructor(options: IntroductionsOptions) {
    const { dialler, links, ...own } = options;
    this.#options = options;
    this.#own = new OwnRecord({ ...own, onChange: () => this.#introduceAgain() });
  }

  /** What this node says of itself. `undefined`: nobody can dial it, or its record is not signed yet. */
  get ownRecord(): AddressRecord | undefined {
    return this.#own.record;
  }

  /** The hosts from which others hear this node, with the number of them. */
  get seenHosts(): readonly (readonly [host: string, others: number])[] {
    return this.#own.seenHosts;
  }

  /** A peer is about to tell of other nodes. */
  hears({ scope }: MembershipLink): void {
    this.#teller = scope;
  }

  /** Tells a peer who this node is, and from where it hears the peer. */
  introduce(link: MembershipLink): void {
    const seenAs = link.channel.remote.address.host;
    link.send(encodeMembershipFrame({ kind: 'introduce', seenAs, record: this.ownRecord }));
  }

  /**
   * A peer says who it is.
   *
   * @throws PeerloomError for a record that is not the peer's own.
   */
  introduced(
    link: MembershipLink,
    { seenAs, record }: Extract<MembershipFrame, { kind: 'introduce' }>,
  ): void {
    const { dialler } = this.#options;
    const { contact } = link;
    if (record !== undefined && (record.id !== contact.id || this.#learn(record) !== contact)) {
      throw new PeerloomError('ERR_SIGNATURE_INVALID', 'an address record of another node, or not signed');
    }
    if (seenAs !== '') this.#own.seenAs(seenAs, contact.id);
    link.isIntroduced = true;
    const isReached = !link.isInbound && dialler.isAddressOf(contact, link.peer.connection);
    dialler.seenAt(contact, link.channel.remote.address.host);
    if (isReached) dialler.proven(contact);
    else dialler.prove(contact);
  }

  /** Takes over what a peer says of another node. `undefined`: it is of no use. */
  admit({ record }: Contact): Contact | undefined {
    const contact = record && this.#learn(record);
    return contact === undefined || contact.addresses.length === 0 || contact.hasFailed ? undefined : contact;
  }

  #learn(record: AddressRecord): Contact | undefined {
    const { dialler } = this.#options;
    return dialler.contacts.learn(record, (address) => dialler.mayDial(address, this.#teller));
  }

  #introduceAgain(): void {
    for (const link of this.#options.links()) this.introduce(link);
  }
}
