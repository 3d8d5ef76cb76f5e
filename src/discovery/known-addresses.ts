import type { KnownNode } from '../api/discovery.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { ResolvedOptions } from '../api/options.ts';
import { type Address, formatAddress } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import type { Log } from '../base/debug.ts';
import { mayTell, scopeOf } from '../base/host-scope.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import type { Channel } from '../channel/channel.ts';
import type { Contact, Contacts } from '../overlay/membership/contacts.ts';
import { sourceOfNode } from '../overlay/seen/source-of-node.ts';
import type { Peering } from '../peers/peering.ts';
import { maxAddressLength } from '../wire/frames/hello.ts';
import { AddressBook, type BookEntry, type Mention } from './address-book.ts';

export interface KnownAddressesOptions {
  readonly options: ResolvedOptions;
  readonly budget: MemoryBudget;
  readonly log: Log;
  /** Returns the peering, which is created after this object. */
  readonly peering: () => Peering;
  /**
   * Returns the nodes whose signed records this node has, which are created after this object. `undefined` if the user
   * chooses the neighbours.
   */
  readonly contacts: () => Contacts | undefined;
}

/** The parts of a {@link Mention} that {@link KnownAddresses.note} takes. */
type Said = Omit<Mention, 'key' | 'address' | 'isPermanent' | 'lastConnectedAt'> & Partial<Mention>;

/**
 * Everything that a node knows of the addresses of others: the addresses that the user, discoveries and peers named, in
 * the address book; and the records that their owners signed, which the overlay passes on.
 */
export class KnownAddresses {
  readonly #options: KnownAddressesOptions;
  /** Created when first needed, because most nodes look for no other nodes. */
  #madeBook: AddressBook | undefined;

  constructor(options: KnownAddressesOptions) {
    this.#options = options;
    options.budget.share(() => this.#madeBook?.heldBytes ?? 0);
  }

  get book(): AddressBook {
    this.#madeBook ??= new AddressBook(this.#options.budget);
    return this.#madeBook;
  }

  /** The known nodes: connected ones, and those of which this node has an address. */
  get nodes(): readonly KnownNode[] {
    const ids = new Set(this.book.ids);
    for (const { id } of this.#options.peering().peers.connections.keys()) ids.add(id);
    for (const { id, addresses } of this.#options.contacts() ?? []) if (addresses.length > 0) ids.add(id);
    return [...ids].map((id) => this.node(id));
  }

  node(id: string): KnownNode {
    const entries = this.book.of(id);
    const connection = this.connectionWith(id);
    const [best] = entries;
    const addresses = new Set(this.of(id).map((address) => this.#keyOf(address)));
    for (const text of connection?.addresses ?? []) {
      const address = this.read(text);
      if (address !== undefined) addresses.add(this.#keyOf(address));
    }
    const times = entries.flatMap(({ lastConnectedAt }) => lastConnectedAt ?? []);
    const isConnected = connection?.isOpen === true && !connection.isSuspended;
    if (isConnected) times.push(this.#options.options.runtime.wallNow());
    return {
      id,
      addresses: [...addresses],
      source: best?.source ?? (connection === undefined ? 'nodes' : 'connection'),
      isConnected,
      isProven: best === undefined ? this.#isProvenByOverlay(id) : best.provenAtMs !== undefined,
      lastConnectedAt: times.length === 0 ? undefined : Math.max(...times),
    };
  }

  /** Returns the addresses of a node: first those in the address book, the best first, then those of its record. */
  of(id: string): readonly Address[] {
    const signed = this.contactOf(id)?.addresses ?? [];
    return [
      ...this.book.of(id).map(({ address }) => address),
      ...signed.flatMap((text) => this.read(text) ?? []),
    ];
  }

  /** Returns the entries of a node in the address book, the best first. */
  entriesOf(id: string): readonly BookEntry[] {
    return this.#madeBook?.of(id) ?? [];
  }

  /** Returns what the overlay knows of a node. */
  contactOf(id: string): Readonly<Contact> | undefined {
    return this.#options.contacts()?.find(id);
  }

  connectionWith(id: string): NodeConnection | undefined {
    return this.#options.peering().peers.find(id)?.connection?.connection;
  }

  has(address: Address): boolean {
    return this.book.find(this.#keyOf(address)) !== undefined;
  }

  /** Adds an address to the book. Returns `undefined` if the book is full of addresses that are worth more. */
  note(address: Address, said: Said): BookEntry | undefined {
    return this.book.add({
      isPermanent: false,
      lastConnectedAt: undefined,
      ...said,
      key: this.#keyOf(address),
      address,
    });
  }

  /**
   * Adds the addresses that a peer reports of itself. A peer may claim anything, so addresses on other hosts than the
   * one it connects from are only `'told'`.
   */
  learnFrom({ id, addresses }: NodeConnection, { remote }: Channel): void {
    const teller = sourceOfNode(remote);
    const { host } = remote.address;
    const nowWallMs = this.#options.options.runtime.wallNow();
    for (const text of addresses) {
      const address = this.read(text);
      if (address === undefined) continue;
      const standing = address.host === host ? 'seen' : 'told';
      if (standing === 'told' && !mayTell(scopeOf(host), scopeOf(address.host))) continue;
      const lastConnectedAt = standing === 'seen' ? nowWallMs : undefined;
      this.note(address, { id, standing, source: 'connection', teller, lastConnectedAt });
    }
  }

  /** Parses an address. Returns `undefined` if no transport of the node reads the text, or dials the address. */
  read(text: string): Address | undefined {
    const { transports } = this.#options.peering();
    if (text.length > maxAddressLength) return undefined;
    try {
      const address = transports.parse(text);
      transports.of(address);
      return address;
    } catch (error) {
      this.#options.log(`an address is not taken: ${messageOf(error)}`);
      return undefined;
    }
  }

  #isProvenByOverlay(id: string): boolean {
    const contacts = this.#options.contacts();
    const contact = contacts?.find(id);
    return contact !== undefined && contact.addresses.length > 0 && contacts!.isProven(contact);
  }

  #keyOf(address: Address): string {
    const scheme = address.scheme ?? this.#options.options.transports[0]!.schemes[0];
    return formatAddress({ ...address, scheme });
  }
}
