import type { Address } from '../base/address.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';

/** Addresses that a node knows, at most. */
export const maxBookAddresses = 1_024;

/** Addresses of one node, at most. */
const maxAddressesOfNode = 8;

/** About what an entry costs beside its texts, in bytes. */
const entryBytes = 512;

/**
 * How far an address can be trusted. `'given'`: by the user, or by a discovery that the user chose. `'seen'`: a node that
 * connected from this very host says that it listens there. `'told'`: anything else that other nodes say.
 */
export type Standing = 'given' | 'seen' | 'told';

/** What somebody says of an address. */
export interface Mention {
  /** The text of the address, always in the same form. */
  readonly key: string;
  readonly address: Address;
  /** The id of the node that must answer there, if it is known. */
  readonly id: string | undefined;
  readonly standing: Standing;
  /** Shown to the user: where the node knows the address from. */
  readonly source: string;
  /** Who said so: each may fill only its share of the book. */
  readonly teller: string;
  readonly isPermanent: boolean;
  /** By the wall clock. */
  readonly lastConnectedAt: number | undefined;
}

/** An address, and what the node has found out about it. */
export interface BookEntry extends Mention {
  standing: Standing;
  source: string;
  teller: string;
  id: string | undefined;
  isPermanent: boolean;
  lastConnectedAt: number | undefined;
  /** This node has dialled it in this run and reached the node; when, by the runtime's clock. */
  provenAtMs: number | undefined;
  /** A node answered there in this run, whichever it was. */
  isReached: boolean;
  /** It leads to this node itself. */
  isOwn: boolean;
  /** Attempts in a row that failed. */
  failures: number;
  /** Attempts in a row that succeeded, with little time between them. */
  visits: number;
  /** It is not dialled before, by the runtime's clock. */
  notBeforeMs: number;
  /** From then on it is dialled, although the node has connections enough. `undefined`: that is not decided yet. */
  revisitAtMs: number | undefined;
}

/**
 * The addresses of other nodes that a node knows. When it is full, the teller of most unproven addresses gives up its
 * oldest one, so a liar pushes out its own lies. Proven addresses give way only where they fill more than half of the
 * book. Permanent ones stay.
 */
export class AddressBook {
  readonly #budget: Pick<MemoryBudget, 'grew'>;
  readonly #maxAddresses: number;
  /** The oldest first. */
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

  /** The ids of the nodes that it has addresses of. */
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

  /** The addresses of a node, the best first. */
  of(id: string): readonly BookEntry[] {
    return [...(this.#ofNode.get(id) ?? [])].sort(byWorth);
  }

  /**
   * Takes an address, or what is new about one.
   *
   * @returns its entry; `undefined` if the book is full of what is worth more.
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

  /** The node with that id answered at the address. */
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

  /** What others say of a known address changes little: only a better source does. */
  #learn(known: BookEntry, { id, standing, source, teller, isPermanent, lastConnectedAt }: Mention): void {
    known.isPermanent ||= isPermanent;
    if (lastConnectedAt !== undefined && lastConnectedAt > (known.lastConnectedAt ?? 0)) {
      known.lastConnectedAt = lastConnectedAt;
    }
    if (known.provenAtMs !== undefined) return;
    const isBetter = ranks[standing] > ranks[known.standing];
    const isAsGood = isBetter || standing === known.standing;
    if (isBetter) this.#setTeller(known, { standing, source, teller });
    // Whoever named an address without an id takes any node there: nobody else may narrow that down.
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

/** For sorting: what this node reached last comes first, then what it may trust most, then what failed least. */
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
