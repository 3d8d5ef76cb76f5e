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

/** The exchange of address records: peers send each other their own records, and later those of other nodes. */
export class Introductions {
  readonly #options: IntroductionsOptions;
  readonly #own: OwnRecord;
  /** The scope of the peer whose frame is being read. */
  #teller: HostScope = 'loopback';

  constructor(options: IntroductionsOptions) {
    const { dialler, links, ...own } = options;
    this.#options = options;
    this.#own = new OwnRecord({ ...own, onChange: () => this.#introduceAgain() });
  }

  /** This node's record. `undefined` if no other node can dial it, or if the record is not signed yet. */
  get ownRecord(): AddressRecord | undefined {
    return this.#own.record;
  }

  /** The hosts from which other nodes see this node connect, each with the number of those nodes. */
  get seenHosts(): readonly (readonly [host: string, others: number])[] {
    return this.#own.seenHosts;
  }

  /** Called before a frame of a peer is read that may contain records of other nodes. */
  hears({ scope }: MembershipLink): void {
    this.#teller = scope;
  }

  /** Sends a peer this node's record, and the host from which this node sees the peer connect. */
  introduce(link: MembershipLink): void {
    const seenAs = link.channel.remote.address.host;
    link.send(encodeMembershipFrame({ kind: 'introduce', seenAs, record: this.ownRecord }));
  }

  /**
   * A peer has sent its own record.
   *
   * @throws PeerloomError if the record is not the peer's own.
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

  /** Accepts the record of another node from a peer. Returns `undefined` if it is not usable. */
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
