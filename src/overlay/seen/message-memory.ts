import type { Fingerprint } from './fingerprint.ts';
import { FingerprintTable, grown, none } from './fingerprint-table.ts';

/** A source of messages: a neighbour, or all neighbours with one address. */
export interface Source {
  /** The number of messages in memory that this source brought. */
  count: number;
}

/** A message to remember. */
export interface Arrival {
  readonly author: Fingerprint;
  readonly message: Fingerprint;
  /** Milliseconds since 1970, by the author's clock. */
  readonly time: number;
  readonly source: Source;
}

/**
 * Remembers messages by author, and the messages of an author by time. Everything is in arrays of numbers: 40 bytes for
 * a message, 36 for an author.
 *
 * The earliest messages of an author are forgotten first. A message that is not later than a forgotten one counts as
 * seen. So a message that was in memory is never taken for new.
 */
export class MessageMemory {
  readonly #messages: FingerprintTable;
  readonly #authors: FingerprintTable;

  #timeOf = new Float64Array(0);
  #laterThan = new Uint32Array(0);
  #earlierThan = new Uint32Array(0);
  #sourceOf: (Source | undefined)[] = [];

  /** By author: all messages of the author up to this time count as seen. */
  #floorOf = new Float64Array(0);
  #countOf = new Uint32Array(0);
  #earliestOf = new Uint32Array(0);
  /** By author: the message that arrived last. By time, the next message mostly follows directly after it. */
  #lastOf = new Uint32Array(0);
  /** The author that {@link MessageMemory.expire} checks next. */
  #hand = 0;
  /** All messages up to this time count as seen, whoever the author is. It is raised when an author is forgotten. */
  #floor = Number.NEGATIVE_INFINITY;

  constructor(seed: Fingerprint) {
    this.#messages = new FingerprintTable(seed, (capacity) => this.#growMessages(capacity));
    this.#authors = new FingerprintTable(seed, (capacity) => this.#growAuthors(capacity));
  }

  /** The number of messages in memory. */
  get size(): number {
    return this.#messages.size;
  }

  /** The size of all arrays in bytes. */
  get heldBytes(): number {
    const { heldBytes: ofMessages } = this.#messages;
    const { heldBytes: ofAuthors } = this.#authors;
    const ofMessage = [this.#timeOf, this.#laterThan, this.#earlierThan];
    const ofAuthor = [this.#floorOf, this.#countOf, this.#earliestOf, this.#lastOf];
    const arrays = [...ofMessage, ...ofAuthor].reduce((sum, { byteLength }) => sum + byteLength, 0);
    return ofMessages + ofAuthors + arrays + 8 * this.#sourceOf.length;
  }

  /** Returns the number of messages of an author in memory. */
  countOf(author: Fingerprint): number {
    const record = this.#authors.find(author);
    return record === none ? 0 : this.#countOf[record]!;
  }

  /** Whether the message is in memory. */
  holds({ message }: Arrival): boolean {
    return this.#messages.find(message) !== none;
  }

  /** Whether the message may have been in memory. */
  mayHaveHeld({ author, time }: Arrival): boolean {
    if (time <= this.#floor) return true;
    const record = this.#authors.find(author);
    return record !== none && time <= this.#floorOf[record]!;
  }

  /** Remembers a message that is not in memory. */
  add({ author, message, time, source }: Arrival): void {
    const record = this.#authors.find(author);
    const owner = record === none ? this.#addAuthor(author) : record;
    const added = this.#messages.insert(message);
    this.#timeOf[added] = time;
    this.#sourceOf[added] = source;
    source.count += 1;
    this.#link(owner, added);
  }

  /** Forgets the earliest message of an author. */
  forgetEarliest(author: Fingerprint): void {
    this.#forgetEarliest(this.#authors.find(author));
  }

  /** Checks some authors, and forgets those of their messages that are from before a time. */
  expire(time: number, authors: number): void {
    for (let looks = Math.min(authors, this.#authors.capacity); looks > 0; looks--) {
      const author = this.#hand;
      this.#hand = (author + 1) % this.#authors.capacity;
      while (this.#countOf[author]! > 0 && this.#timeOf[this.#earliestOf[author]!]! < time) {
        this.#forgetEarliest(author);
      }
    }
  }

  /** Checks all authors in the same way. */
  expireAll(time: number): void {
    this.expire(time, this.#authors.capacity);
  }

  #addAuthor(author: Fingerprint): number {
    const record = this.#authors.insert(author);
    this.#floorOf[record] = Number.NEGATIVE_INFINITY;
    this.#countOf[record] = 0;
    this.#earliestOf[record] = this.#lastOf[record] = none;
    return record;
  }

  /** Inserts a message among the messages of its author, by time. */
  #link(author: number, added: number): void {
    const time = this.#timeOf[added]!;
    let before = this.#lastOf[author]!;
    let after = before === none ? none : this.#laterThan[before]!;
    while (after !== none && this.#timeOf[after]! <= time) [before, after] = [after, this.#laterThan[after]!];
    while (before !== none && this.#timeOf[before]! > time)
      [after, before] = [before, this.#earlierThan[before]!];
    this.#earlierThan[added] = before;
    this.#laterThan[added] = after;
    if (before === none) this.#earliestOf[author] = added;
    else this.#laterThan[before] = added;
    if (after !== none) this.#earlierThan[after] = added;
    this.#lastOf[author] = added;
    this.#countOf[author]! += 1;
  }

  #forgetEarliest(author: number): void {
    const message = this.#earliestOf[author]!;
    const time = this.#timeOf[message]!;
    const next = this.#laterThan[message]!;
    this.#sourceOf[message]!.count -= 1;
    this.#sourceOf[message] = undefined;
    this.#messages.remove(message);
    this.#countOf[author]! -= 1;
    if (next === none) {
      this.#authors.remove(author);
      this.#floor = Math.max(this.#floor, time);
      return;
    }
    this.#earliestOf[author] = next;
    this.#earlierThan[next] = none;
    if (this.#lastOf[author] === message) this.#lastOf[author] = next;
    this.#floorOf[author] = Math.max(this.#floorOf[author]!, time);
  }

  #growMessages(capacity: number): void {
    this.#timeOf = grown(this.#timeOf, capacity);
    this.#laterThan = grown(this.#laterThan, capacity);
    this.#earlierThan = grown(this.#earlierThan, capacity);
  }

  #growAuthors(capacity: number): void {
    this.#floorOf = grown(this.#floorOf, capacity);
    this.#countOf = grown(this.#countOf, capacity);
    this.#earliestOf = grown(this.#earliestOf, capacity);
    this.#lastOf = grown(this.#lastOf, capacity);
  }
}
