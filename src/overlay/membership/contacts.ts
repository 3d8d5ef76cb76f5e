import type { Runtime } from '../../base/runtime.ts';
import { type AddressRecord, isSignedByOwner } from './address-record.ts';

/** What this node knows about another node. */
export class Contact {
  readonly id: string;
  /** The node's signed addresses. */
  record: AddressRecord | undefined;
  /** The addresses of the record that this node may dial. */
  addresses: readonly string[] = [];
  /** When this node last reached the node at such an address, in milliseconds of `Runtime.now`. */
  provenAtMs = Number.NEGATIVE_INFINITY;
  /** Whether the node has joined through this node, which introduces it to others once it is proven. */
  isToIntroduce = false;
  /** Whether the node has connected from the only host of its record, so that a dial cannot hit a third party. */
  isSeenThere = false;
  /** Whether the node could not be reached at the addresses of its record. */
  hasFailed = false;

  constructor(id: string, record?: AddressRecord) {
    this.id = id;
    this.record = record;
  }
}

export interface ContactsOptions {
  readonly network: string;
  readonly runtime: Pick<Runtime, 'now'>;
  /** Whether a node must not be forgotten. */
  readonly isOfUse: (id: string) => boolean;
}

/** How long a node counts as proven after it was reached, in milliseconds. */
const provenForMs = 24 * 3_600_000;

/** The most nodes that are remembered, and how many are kept when there are too many. */
const maxContacts = 512;
const keptContacts = 384;

/** The nodes that this node has heard of, each once. Their number is bounded, whatever other nodes send. */
export class Contacts {
  readonly #options: ContactsOptions;
  readonly #contacts = new Map<string, Contact>();

  constructor(options: ContactsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#contacts.size;
  }

  [Symbol.iterator](): Iterator<Contact> {
    return this.#contacts.values();
  }

  find(id: string): Contact | undefined {
    return this.#contacts.get(id);
  }

  of(id: string): Contact {
    let contact = this.#contacts.get(id);
    if (contact === undefined) {
      contact = new Contact(id);
      this.#contacts.set(id, contact);
      if (this.#contacts.size > maxContacts) this.#forget();
    }
    return contact;
  }

  /**
   * Accepts a record, unless a later one of the same node is known.
   *
   * @param mayDial whether this node may dial an address of the record.
   * @returns the node, or `undefined` if it has not signed the record.
   */
  learn(record: AddressRecord, mayDial: (address: string) => boolean): Contact | undefined {
    const known = this.#contacts.get(record.id);
    if (known?.record !== undefined && known.record.sequence >= record.sequence) return known;
    if (!isSignedByOwner(record, this.#options.network)) return undefined;
    const contact = this.of(record.id);
    const isMoved = contact.record?.addresses.join() !== record.addresses.join();
    contact.record = record;
    if (!isMoved) return contact;
    contact.addresses = record.addresses.filter(mayDial);
    contact.provenAtMs = Number.NEGATIVE_INFINITY;
    contact.hasFailed = false;
    contact.isSeenThere = false;
    return contact;
  }

  proven(contact: Contact): void {
    contact.provenAtMs = this.#options.runtime.now();
    contact.hasFailed = false;
  }

  isProven({ record, provenAtMs }: Contact): boolean {
    return record !== undefined && this.#options.runtime.now() - provenAtMs < provenForMs;
  }

  /** Forgets nodes, the earliest first. */
  #forget(): void {
    for (const id of this.#contacts.keys()) {
      if (this.#contacts.size <= keptContacts) return;
      if (!this.#options.isOfUse(id)) this.#contacts.delete(id);
    }
  }
}
