import { PeerloomError } from '../errors.ts';
import type { Letter } from './envelope.ts';

export interface SeenOptions {
  /** Milliseconds that a message's time may differ from ours; also how long it is remembered. */
  readonly timeWindowMs: number;
  /** Messages remembered in all; one author has at most a sixteenth of them. */
  readonly maxMessages: number;
}

interface Author {
  /** The times of the messages by their ids, in the order in which they came. */
  readonly messages: Map<string, number>;
  /** Messages up to this time were forgotten, so that none of them can be told from a replay. */
  floor: number;
  newest: number;
}

const maxShare = 16;

/**
 * Tells each message once. Memory is bounded by count and by age, and what had to be forgotten too early is
 * refused instead of let through: an author who floods loses own messages that come late, and nobody else's.
 */
export class SeenMessages {
  readonly #options: SeenOptions;
  /** The author heard of last is the last. */
  readonly #authors = new Map<string, Author>();
  /** Messages up to this time of authors that are not remembered may be replays. */
  #floor = Number.NEGATIVE_INFINITY;
  #size = 0;

  constructor(options: SeenOptions) {
    this.#options = options;
  }

  /** @throws PeerloomError `ERR_TIME_WINDOW`. */
  checkTime({ id, time }: Letter, now: number): void {
    const { timeWindowMs } = this.#options;
    if (Math.abs(now - time) <= timeWindowMs) return;
    const message = `the message ${id} is of ${time}, more than ${timeWindowMs} ms from our ${now}`;
    throw new PeerloomError('ERR_TIME_WINDOW', message);
  }

  /** Whether a message has come before, or may have. */
  has({ author, id, time }: Letter): boolean {
    const known = this.#authors.get(author);
    return known?.messages.has(id) === true || time <= (known?.floor ?? this.#floor);
  }

  /** Remembers a message, once it is proven. */
  add({ author, id, time }: Letter, now: number): void {
    const known = this.#authors.get(author) ?? { messages: new Map(), floor: this.#floor, newest: time };
    this.#authors.delete(author);
    this.#authors.set(author, known);
    known.messages.set(id, time);
    known.newest = Math.max(known.newest, time);
    this.#size += 1;
    this.#trim(known, now);
    while (this.#size > this.#options.maxMessages) this.#forgetAuthor(now);
  }

  #trim(author: Author, now: number): void {
    const { timeWindowMs, maxMessages } = this.#options;
    for (const [id, time] of author.messages) {
      const isExpired = time < now - timeWindowMs;
      if (!isExpired && author.messages.size <= maxMessages / maxShare) return;
      if (!isExpired) author.floor = Math.max(author.floor, time);
      author.messages.delete(id);
      this.#size -= 1;
    }
  }

  #forgetAuthor(now: number): void {
    const [id, { newest, messages }] = this.#authors.entries().next().value!;
    // Not beyond our own time: one author with a fast clock would silence all the others.
    this.#floor = Math.max(this.#floor, Math.min(newest, now));
    this.#authors.delete(id);
    this.#size -= messages.size;
  }
}
