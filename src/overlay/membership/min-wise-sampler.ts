import { type Fingerprint, seededHash } from '../seen/fingerprint.ts';

/** The number of places of a sampler. */
const places = 16;

interface Place<Contact> {
  readonly seed: Fingerprint;
  hash: number;
  contact: Contact | undefined;
}

/**
 * A sample of all nodes that a node has ever met, independent of how often it met each of them: Brahms (Bortnikov,
 * Gurevich, Keidar, Kliot, Shraer: Byzantine resilient random membership sampling, Computer Networks 53, 2009, section
 * 4). Each place keeps the node whose id has the smallest hash under the seed of that place. Nodes that others name
 * again and again get no larger share of it.
 */
export class MinWiseSampler<Contact extends { readonly id: string }> {
  readonly #places: Place<Contact>[];
  readonly #random: () => number;

  /** @param random used for the seeds, which other nodes must not be able to guess. */
  constructor(random: () => number) {
    this.#random = random;
    this.#places = Array.from({ length: places }, () => this.#emptyPlace());
  }

  /** The nodes in the sample. A node may occur more than once. */
  get contacts(): Contact[] {
    return this.#places.flatMap(({ contact }) => (contact === undefined ? [] : [contact]));
  }

  /** Offers a node that was met to the sample. */
  offer(contact: Contact): void {
    const id = wordsOf(contact.id);
    for (const place of this.#places) {
      const hash = seededHash(id.low, id.high, place.seed) >>> 0;
      if (place.contact !== undefined && hash > place.hash) continue;
      place.hash = hash;
      place.contact = contact;
    }
  }

  /** Removes a node that cannot be reached. Each of its places begins again with another seed. */
  remove(id: string): void {
    for (const [at, { contact }] of this.#places.entries()) {
      if (contact?.id === id) this.#places[at] = this.#emptyPlace();
    }
  }

  /** Returns a random node that fits. */
  pick(fits: (contact: Contact) => boolean): Contact | undefined {
    const pool = this.contacts.filter(fits);
    return pool[Math.floor(pool.length * this.#random())];
  }

  #emptyPlace(): Place<Contact> {
    const seed = { low: this.#word(), high: this.#word() };
    return { seed, hash: 0, contact: undefined };
  }

  #word(): number {
    return Math.floor(2 ** 32 * this.#random()) | 0;
  }
}

/** The end of an id is the end of a public key, in base58. Ten characters contain more than 58 bits. */
function wordsOf(id: string): Fingerprint {
  let low = 0;
  let high = 0;
  for (let at = Math.max(0, id.length - 10); at < id.length; at++) {
    high = (Math.imul(high, 61) + (low >>> 26)) | 0;
    low = (Math.imul(low, 61) + id.charCodeAt(at)) | 0;
  }
  return { low, high };
}
