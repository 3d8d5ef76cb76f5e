import { PeerloomError } from '../../base/errors.ts';
import { sha256Hex } from '../../base/sha256.ts';
import { encodeText } from '../../wire/payloads/text.ts';
import type { Fingerprint } from './fingerprint.ts';
import { type Arrival, MessageMemory, type Source } from './message-memory.ts';

export interface SeenOptions {
  /** Milliseconds that a message's time may differ from ours. */
  readonly timeWindowMs: number;
  /** Messages remembered in all. */
  readonly maxMessages: number;
  /** Random, so that nobody can choose messages that are slow to find. */
  readonly seed: Fingerprint;
}

/** A message as its author signed it. */
export interface SignedMessage {
  /** The id of its author. */
  readonly author: string;
  /** For people. */
  readonly id: string;
  /** SHA-256 of what is signed, 64 hexadecimal digits. */
  readonly hash: string;
  /** Milliseconds since 1970, by the author's clock. */
  readonly time: number;
}

/** A message that came before. */
export class MessageSeen extends PeerloomError {
  constructor(message: string) {
    super('ERR_REPLAYED', message);
  }
}

/** A message that may have come before: that cannot be told any more. */
export class MessageTooLate extends PeerloomError {
  constructor(message: string) {
    super('ERR_REPLAYED', message);
  }
}

/**
 * When a message may come: while its time is in the window; later as well, when nobody but this link can bring it; or
 * whenever its link brings it, when its kind is refused of all others.
 */
export type Timeliness = 'in the window' | 'late' | 'whenever';

/** How a message comes. */
export interface Coming {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Whose share of the memory it counts against. */
  readonly source: string;
  /** The neighbour that brings it is its author. */
  readonly isByAuthor: boolean;
  readonly timeliness: Timeliness;
}

/** A source may take this part of the memory that is free, and an author this part of what its source has left. */
const share = 1 / 4;

/**
 * A neighbour may always have so many messages of its own: more than it can sign in a millisecond, since it loses those
 * that have the same time as the last one it has given up.
 */
const neighbourShare = 64;

/** An author beyond its share gives up so many messages with each new one, until it is within. */
const givenUpPerMessage = 2;

/** With each message, so many authors are looked at for messages that are out of date. */
const lookedAtPerMessage = 2;

/** Before a message is refused for lack of room all authors are looked at, but not more often than this. */
const fullLookMs = 1_000;

/**
 * Lets each message through once. A message is remembered until its time is out of the window, when it is refused for
 * that. The memory has an end all the same, and what would pass it is refused, not let through:
 *
 * - An author beyond its share gives up its earliest messages. Everything of that author up to their time is refused
 *   from then on, so an author who floods loses own late messages.
 * - A new author is refused when the source of the message, the neighbour that brought it, has used up its share.
 *
 * Shares are parts of what is free, so there is room for one source more, and one author more, whoever floods.
 */
export class SeenMessages {
  readonly #options: SeenOptions;
  readonly #memory: MessageMemory;
  readonly #sources = new Map<string, Source>();
  /** Told of memory that is taken anew. */
  onGrowth: (bytes: number) => void = () => {};
  #lookedAtAllAt = Number.NEGATIVE_INFINITY;

  constructor(options: SeenOptions) {
    this.#options = options;
    this.#memory = new MessageMemory(options.seed);
  }

  /** Bytes that are taken, whether messages fill them or not. */
  get heldBytes(): number {
    return this.#memory.heldBytes;
  }

  /**
   * Whether a message may be let through, if it is proven.
   *
   * @returns remembers the message. To be called once it is proven, in the same turn.
   * @throws PeerloomError `ERR_TIME_WINDOW`, `ERR_REPLAYED`, `ERR_TOO_MANY_MESSAGES`.
   */
  check(message: SignedMessage, { now, source, isByAuthor, timeliness }: Coming): () => void {
    const { author, id, hash, time } = message;
    const { timeWindowMs } = this.#options;
    const isOutside = Math.abs(now - time) > timeWindowMs;
    if (isOutside && (timeliness === 'in the window' || (timeliness === 'late' && time > now))) {
      const text = `the message ${id} has the time ${time}, more than ${timeWindowMs} ms (timeWindowMs) from this node's ${now}: check both clocks`;
      throw new PeerloomError('ERR_TIME_WINDOW', text);
    }
    // Nobody else can bring it, and a link brings nothing twice.
    if (isOutside) return () => {};
    const arrival: Arrival = {
      author: fingerprintOf(sha256Hex(encodeText(author))),
      message: fingerprintOf(hash),
      time,
      source: this.#sourceNamed(source),
    };
    if (this.#memory.holds(arrival)) {
      throw new MessageSeen(`the message ${id} of ${author} arrived before`);
    }
    if (timeliness === 'in the window' && this.#memory.mayHaveHeld(arrival)) {
      throw new MessageTooLate(
        `the message ${id} of ${author} arrived after many later messages, and may be a replay`,
      );
    }
    const hasRoom = (): boolean => this.#hasRoom(arrival, isByAuthor);
    if (!hasRoom() && !(this.#lookAtAll(now) && hasRoom())) {
      const text = `${source} brought messages of too many authors (maxSeenMessages), so this node refuses the message ${id} of the new author ${author}`;
      throw new PeerloomError('ERR_TOO_MANY_MESSAGES', text);
    }
    return () => this.#add(arrival, { now, isByAuthor });
  }

  #add(arrival: Arrival, { now, isByAuthor }: Pick<Coming, 'now' | 'isByAuthor'>): void {
    const memory = this.#memory;
    const { timeWindowMs, maxMessages } = this.#options;
    const { author, source } = arrival;
    memory.expire(now - timeWindowMs, lookedAtPerMessage);
    const { heldBytes } = memory;
    memory.add(arrival);
    this.onGrowth(memory.heldBytes - heldBytes);
    const maxCount = Math.max((this.#roomOfSource - source.count) * share, isByAuthor ? neighbourShare : 1);
    for (let count = 0; count < givenUpPerMessage; count++) {
      const ofAuthor = memory.countOf(author);
      if (ofAuthor === 1 || (ofAuthor <= maxCount && memory.size <= maxMessages)) break;
      memory.forgetEarliest(author);
    }
  }

  /**
   * An author who is remembered makes room for new messages by giving up old ones. A neighbour may always speak for
   * itself: what others bring leaves something free.
   */
  #hasRoom({ author, source }: Arrival, isByAuthor: boolean): boolean {
    if (this.#memory.countOf(author) > 0) return true;
    return isByAuthor ? this.#memory.size < this.#options.maxMessages : source.count < this.#roomOfSource;
  }

  /** The messages that a source may have in memory. */
  get #roomOfSource(): number {
    return Math.floor((this.#options.maxMessages - this.#memory.size) * share);
  }

  #lookAtAll(now: number): boolean {
    // The clock may have been set back.
    if (Math.abs(now - this.#lookedAtAllAt) < fullLookMs) return false;
    this.#lookedAtAllAt = now;
    this.#memory.expireAll(now - this.#options.timeWindowMs);
    return true;
  }

  #sourceNamed(name: string): Source {
    const known = this.#sources.get(name);
    if (known !== undefined) return known;
    for (const [old, { count }] of this.#sources) if (count === 0) this.#sources.delete(old);
    const source = { count: 0 };
    this.#sources.set(name, source);
    return source;
  }
}

/** The first 64 bits of a hash: to find another text with the same ones takes longer than the window lasts. */
function fingerprintOf(hexadecimal: string): Fingerprint {
  return {
    low: Number.parseInt(hexadecimal.slice(0, 8), 16),
    high: Number.parseInt(hexadecimal.slice(8, 16), 16),
  };
}
