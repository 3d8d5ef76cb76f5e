import type { Address } from '../../base/address.ts';
import { messageOf } from '../../base/arguments.ts';
import { type HostScope, mayTell, scopeOf } from '../../base/host-scope.ts';
import type { Runtime } from '../../base/runtime.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import type { Holder } from '../../peers/holder.ts';
import { NeighbourRefused } from '../../peers/neighbour-refused.ts';
import type { MembershipWord } from '../../wire/frames/hello.ts';
import { type Contact, Contacts } from './contacts.ts';
import { Proofs } from './proofs.ts';

/** What a link is needed for. */
export interface LinkRequest {
  /** The id of the only node that may answer. */
  readonly id?: string;
  readonly membership: MembershipWord;
  /** The first holder of the connection, if `membership` does not imply it. */
  readonly holder?: Holder;
}

/** The node's functions for links, as the overlay uses them. */
export interface LinkDialler {
  /** @throws PeerloomError `ERR_ADDRESS_INVALID`. */
  parse(text: string): Address;
  /** Whether a transport of this node dials such addresses. */
  canDial(address: Address): boolean;
  /** The texts of the addresses that the node listens on. */
  readonly ownAddresses: readonly string[];
  /** @throws NeighbourRefused, PeerloomError. */
  connect(address: Address, asked: LinkRequest): Promise<unknown>;
  /** @throws PeerloomError if no node of this id answers at the address. */
  probe(address: Address, id: string): Promise<void>;
  /** @returns whether there is a connection with the node. */
  hold(id: string, holder: Holder): boolean;
  release(id: string, holder: Holder): void;
  isHeldBy(id: string, holder: Holder): boolean;
  /** Aborted once the node stops. */
  readonly stopping: AbortSignal;
}

export interface ContactDiallerOptions {
  readonly network: string;
  readonly runtime: Runtime;
  readonly links: LinkDialler;
  /** Whether to dial private addresses that peers with public addresses report. */
  readonly privateAddresses: boolean;
  /** Whether a node must not be forgotten. */
  readonly isOfUse: (id: string) => boolean;
  /** Called when this node has reached a node at an address of its record. */
  readonly onProven: (contact: Contact) => void;
  /** Called when a node cannot be reached, but not before the call that led to it has returned. */
  readonly onFailed: (contact: Contact) => void;
  readonly log: (text: string) => void;
}

/** The rate of dials per second, and their burst, for nodes that this node has reached before. */
const dialsPerSecond = 2;
const dialBurst = 20;

/** The same for nodes known only from other nodes. Their addresses may be those of a victim. */
const unprovenDialsPerSecond = 5;
const unprovenDialBurst = 20;

/** The same for nodes that have connected from the only host in their record, which so cannot be a victim. */
const returnedDialsPerSecond = 20;
const returnedDialBurst = 64;

/** The most addresses of one node that are tried. */
const maxTriedAddresses = 3;

/**
 * Dials the nodes of address records, within a rate. A node that was never reached is dialled only once. The dialler
 * remembers which nodes it has reached, because this node tells others only about such nodes.
 */
export class ContactDialler {
  readonly contacts: Contacts;
  readonly #options: ContactDiallerOptions;
  readonly #proofs: Proofs;
  readonly #provenDials: TokenBucket;
  readonly #unprovenDials: TokenBucket;
  readonly #returnedDials: TokenBucket;

  constructor(options: ContactDiallerOptions) {
    const { network, runtime, isOfUse } = options;
    this.#options = options;
    this.contacts = new Contacts({ network, runtime, isOfUse });
    this.#provenDials = new TokenBucket({ burst: dialBurst, perSecond: dialsPerSecond }, runtime);
    this.#unprovenDials = new TokenBucket(
      { burst: unprovenDialBurst, perSecond: unprovenDialsPerSecond },
      runtime,
    );
    const returned = { burst: returnedDialBurst, perSecond: returnedDialsPerSecond };
    this.#returnedDials = new TokenBucket(returned, runtime);
    this.#proofs = new Proofs({
      runtime,
      mayDial: ({ isSeenThere }) => (isSeenThere && this.#returnedDials.take()) || this.#unprovenDials.take(),
      probe: (contact) => this.#probe(contact),
    });
  }

  /**
   * Whether this node may dial an address.
   *
   * @param teller the scope of the peer that reported the address.
   */
  mayDial(text: string, teller: HostScope): boolean {
    const { links, privateAddresses } = this.#options;
    try {
      const address = links.parse(text);
      if (!links.canDial(address)) return false;
      return mayTell(privateAddresses ? 'loopback' : teller, scopeOf(address.host));
    } catch {
      return false;
    }
  }

  /** @returns the outcome: the node was reached, it refused the request, or nothing was tried for now. */
  async dial(
    contact: Contact,
    membership: MembershipWord,
    holder?: Holder,
  ): Promise<'connected' | 'refused' | 'failed' | 'later'> {
    const { links } = this.#options;
    const isProven = this.contacts.isProven(contact);
    if (contact.hasFailed && !isProven) return 'failed';
    if (!(isProven ? this.#provenDials : this.#unprovenDials).take()) return 'later';
    const { id } = contact;
    try {
      await this.#tryAddresses(contact, (address) =>
        links.connect(address, { id, membership, ...(holder && { holder }) }),
      );
      this.proven(contact);
      return 'connected';
    } catch (error) {
      if (!(error instanceof NeighbourRefused)) return this.#failed(contact);
      this.proven(contact);
      return 'refused';
    }
  }

  /** Checks whether a node can be dialled, as soon as the rate allows it, unless this was tried before. */
  prove(contact: Contact): void {
    if (!this.contacts.isProven(contact)) this.#proofs.want(contact);
  }

  proven(contact: Contact): void {
    this.contacts.proven(contact);
    this.#options.onProven(contact);
  }

  /** Whether a host and port are among a node's addresses. */
  isAddressOf({ addresses }: Contact, { host, port }: { host: string; port: number }): boolean {
    return addresses.some((text) => {
      const address = this.#options.links.parse(text);
      return address.host === host && address.port === port;
    });
  }

  /** A node has connected from a host. Notes whether this is the only host in its record. */
  seenAt(contact: Contact, host: string): void {
    contact.isSeenThere = contact.addresses.every((text) => this.#options.links.parse(text).host === host);
  }

  stop(): void {
    this.#proofs.stop();
  }

  async #probe(contact: Contact): Promise<void> {
    const { links, onFailed } = this.#options;
    try {
      await this.#tryAddresses(contact, (address) => links.probe(address, contact.id));
      if (!links.stopping.aborted) this.proven(contact);
    } catch {
      this.#failed(contact);
      if (!links.stopping.aborted) onFailed(contact);
    }
  }

  /**
   * Tries the addresses of a node. The address that answers is tried first from then on.
   *
   * @throws NeighbourRefused, or what the last attempt throws.
   */
  async #tryAddresses(contact: Contact, attempt: (address: Address) => Promise<unknown>): Promise<void> {
    const { links, log } = this.#options;
    let failure: unknown = new Error('the node has no address');
    for (const address of contact.addresses.slice(0, maxTriedAddresses)) {
      try {
        links.stopping.throwIfAborted();
        await attempt(links.parse(address));
        prefer(contact, address);
        return;
      } catch (error) {
        if (error instanceof NeighbourRefused) {
          prefer(contact, address);
          throw error;
        }
        log(`${contact.id} cannot be reached at ${address}: ${messageOf(error)}`);
        failure = error;
      }
    }
    throw failure;
  }

  #failed(contact: Contact): 'failed' {
    contact.hasFailed = !this.contacts.isProven(contact);
    return 'failed';
  }
}

/** Moves an address to the front, if it is still in the node's record. */
function prefer(contact: Contact, address: string): void {
  const { addresses } = contact;
  if (!addresses.includes(address)) return;
  contact.addresses = [address, ...addresses.filter((other) => other !== address)];
}
