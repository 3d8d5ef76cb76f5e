import type { Address } from '../base/address.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';

/** The most addresses that a node knows. */
export const maxBookAddresses = 1_024;

/** The most addresses of one node. */
const maxAddressesOfNode = 8;

/** About the bytes of an entry in addition to its texts. */
const entryBytes = 512;

/**
 * How far an address can be trusted. `'given'`: the user named it, or a discovery that the user chose. `'seen'`: a node
 * that connected from this very host reports that it listens there. `'told'`: other nodes named it in any other way.
 */
export type Standing = 'given' | 'seen' | 'told';

/** A report of an address, from any source. */
export interface Mention {
  /** The text of the address in its normal form. */
  readonly key: string;
  readonly address: Address;
  /** The id of the node that must answer there, if it is known. */
  readonly id: string | undefined;
  readonly standing: Standing;
  /** The source of the address, as it is shown to the user. */
  readonly source: string;
  /** Who reported the address. Each teller may fill only its share of the book. */
  readonly teller: string;
  readonly isPermanent: boolean;
  /** Milliseconds since 1970. */
  readonly lastConnectedAt: number | undefined;
}

/** An address in the book, and what the node knows about it. */
export interface BookEntry extends Mention {
  standing: Standing;
  source: string;
  teller: string;
  id: string | undefined;
  isPermanent: boolean;
  lastConnectedAt: number | undefined;
  /**
   * When this node last dialled the address and reached the node, by the runtime's clock. `undefined` if it has not in
   * this run.
   */
  provenAtMs: number | undefined;
  /** Whether any node has answered there in this run. */
  isReached: boolean;
  /** Whether the address leads to this node itself. */
  isOwn: boolean;
  /** The number of failed attempts in a row. */
  failures: number;
  /** The number of successful attempts in a row, with little time between them. */
  visits: number;
  /** The time before which the address is not dialled, by the runtime's clock. */
  notBeforeMs: number;
  /**
   * The time from which the address is dialled even if the node has enough connections. `undefined` until that is
   * decided.
   */
  revisitAtMs: number | undefined;
}

/**
 * The addresses of other nodes that a node knows. If the book is full, the teller with the most unproven addresses
 * loses its oldest one, so a liar drives out its own lies. Proven addresses are removed only if they fill more than
 * half of the book, or if no other address can be removed. Permanent addresses stay.
 */
export class AddressBook {
  readonly #budget: Pick<MemoryBudget, 'grew'>;
  readonly #maxAddresses: number;
  /** The entries by their keys, the oldest first. */
  readonly #entries = new Map<string, BookEntry>();
  readonly #ofNode = new Map<string, Set<BookEntry>>();
  #heldBytes = 0;

  constructor(budget: Pick<MemoryBudget, 'grew'>, maxAddresses = maxBookAddresses) {
    this.#budget = budget;
    this.#maxAddresses = maxAddresses;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The ids of the nodes whose addresses are in the book. */
  get ids(): Iterable<string> {
    return this.#ofNode.keys();
  }

  [Symbol.iterator](): Iterator<BookEntry> {
    return this.#entries.values();
  }

  has(id: string): boolean {
    return this.#ofNode.has(id);
  }

  find(key: string): BookEntry | undefined {
    return this.#entries.get(key);
  }

  /** Returns the addresses of a node, the best first. */
  of(id: string): readonly BookEntry[] {
    return [...(this.#ofNode.get(id) ?? [])].sort(byWorth);
  }

  /**
   * Adds an address, or updates a known one.
   *
   * @returns the entry; `undefined` if the book is full of addresses that are worth more.
   */
  add(mention: Mention): BookEntry | undefined {
    const known = this.#entries.get(mention.key);
    if (known !== undefined) {
      this.#learn(known, mention);
      return known;
    }
    if (this.#entries.size >= this.#maxAddresses && !this.#makeRoom(mention)) return undefined;
    const entry: BookEntry = {
      ...mention,
      provenAtMs: undefined,
      isReached: false,
      isOwn: false,
      failures: 0,
      visits: 0,
      notBeforeMs: Number.NEGATIVE_INFINITY,
      revisitAtMs: undefined,
    };
    this.#entries.set(entry.key, entry);
    this.#heldBytes += costOf(entry);
    this.#budget.grew(costOf(entry));
    this.#index(entry);
    return entry;
  }

  /** Call this when the node with that id has answered at the address. */
  proved(entry: BookEntry, id: string, now: { readonly ms: number; readonly wallMs: number }): void {
    if (entry.id !== id) {
      this.#unindex(entry);
      entry.id = id;
      this.#index(entry);
    }
    entry.isReached = true;
    entry.provenAtMs = now.ms;
    entry.lastConnectedAt = now.wallMs;
    entry.failures = 0;
  }

  remove(entry: BookEntry): void {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#heldBytes -= costOf(entry);
    this.#unindex(entry);
  }

  /** Updates a known address. Only a better source changes more than the times. */
  #learn(known: BookEntry, { id, standing, source, teller, isPermanent, lastConnectedAt }: Mention): void {
    known.isPermanent ||= isPermanent;
    if (lastConnectedAt !== undefined && lastConnectedAt > (known.lastConnectedAt ?? 0)) {
      known.lastConnectedAt = lastConnectedAt;
    }
    if (known.provenAtMs !== undefined) return;
    const isBetter = ranks[standing] > ranks[known.standing];
    const isAsGood = isBetter || standing === known.standing;
    if (isBetter) this.#setTeller(known, { standing, source, teller });
    // A source that named the address without an id accepts any node there. Only a better source may restrict that.
    if (id === undefined || id === known.id || !isAsGood || (known.id !== undefined && !isBetter)) return;
    this.#unindex(known);
    known.id = id;
    this.#index(known);
  }

  #setTeller(entry: BookEntry, better: Pick<BookEntry, 'standing' | 'source' | 'teller'>): void {
    this.#heldBytes -= costOf(entry);
    Object.assign(entry, better);
    this.#heldBytes += costOf(entry);
  }

  #index(entry: BookEntry): void {
    if (entry.id === undefined) return;
    const entries = this.#ofNode.get(entry.id) ?? new Set();
    this.#ofNode.set(entry.id, entries.add(entry));
    if (entries.size <= maxAddressesOfNode) return;
    const worst = [...entries].sort(byWorth).findLast(({ isPermanent }) => !isPermanent);
    if (worst !== undefined) this.remove(worst);
  }

  #unindex(entry: BookEntry): void {
    if (entry.id === undefined) return;
    const entries = this.#ofNode.get(entry.id);
    entries?.delete(entry);
    if (entries?.size === 0) this.#ofNode.delete(entry.id);
  }

  #makeRoom(mention: Mention): boolean {
    const oldest = new Map<string, BookEntry>();
    const counts = new Map<string, number>();
    let proven = 0;
    let leastProven: BookEntry | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.isPermanent) continue;
      if (entry.provenAtMs !== undefined) {
        proven += 1;
        if (entry.provenAtMs < (leastProven?.provenAtMs ?? Number.POSITIVE_INFINITY)) leastProven = entry;
        continue;
      }
      if (!oldest.has(entry.teller)) oldest.set(entry.teller, entry);
      counts.set(entry.teller, (counts.get(entry.teller) ?? 0) + 1);
    }
    counts.set(mention.teller, (counts.get(mention.teller) ?? 0) + 1);
    const largest = [...counts].reduce((one, other) => (other[1] > one[1] ? other : one))[0];
    const isMostProven = proven > this.#maxAddresses / 2;
    const victim = isMostProven ? leastProven : (oldest.get(largest) ?? leastProven);
    if (victim === undefined) return false;
    this.remove(victim);
    return true;
  }
}

const ranks: Readonly<Record<Standing, number>> = { told: 0, seen: 1, given: 2 };

/**
 * Compares two addresses for sorting. Addresses that this node reached last come first, then those that it can trust
 * most, then those with the fewest failures.
 */
export function byWorth(one: BookEntry, other: BookEntry): number {
  return (
    (other.provenAtMs ?? -1) - (one.provenAtMs ?? -1) ||
    ranks[other.standing] - ranks[one.standing] ||
    one.failures - other.failures ||
    (other.lastConnectedAt ?? 0) - (one.lastConnectedAt ?? 0)
  );
}

function costOf({ key, source, teller }: Mention): number {
  return entryBytes + 2 * (key.length + source.length + teller.length);
}
