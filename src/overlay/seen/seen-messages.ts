import { PeerloomError } from '../../base/errors.ts';
import { sha256Hex } from '../../base/sha256.ts';
import { encodeText } from '../../wire/payloads/text.ts';
import type { Fingerprint } from './fingerprint.ts';
import { type Arrival, MessageMemory, type Source } from './message-memory.ts';

export interface SeenOptions {
  /** How far a message's time may differ from this node's clock, in milliseconds. */
  readonly timeWindowMs: number;
  /** The most messages that are remembered. */
  readonly maxMessages: number;
  /** Random, so that an attacker cannot choose messages that are slow to find. */
  readonly seed: Fingerprint;
}

/** A message as its author signed it. */
export interface SignedMessage {
  /** The id of its author. */
  readonly author: string;
  /** The id of the message, used in error texts only. */
  readonly id: string;
  /** The SHA-256 of the signed bytes, 64 hexadecimal digits. */
  readonly hash: string;
  /** Milliseconds since 1970, by the author's clock. */
  readonly time: number;
}

/** Thrown for a message that came before. */
export class MessageSeen extends PeerloomError {
  constructor(message: string) {
    super('ERR_REPLAYED', message);
  }
}

/** Thrown for a message that may have come before, because the memory no longer reaches back far enough. */
export class MessageTooLate extends PeerloomError {
  constructor(message: string) {
    super('ERR_REPLAYED', message);
  }
}

/**
 * When a message may arrive: while its time is in the window; also later, if only this link can bring it; or at any
 * time that its link brings it, if messages of its kind are refused from all other links.
 */
export type Timeliness = 'in the window' | 'late' | 'whenever';

/** How a message arrives. */
export interface Coming {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The source against whose share of memory the message counts. */
  readonly source: string;
  /** Whether the neighbour that brings the message is its author. */
  readonly isByAuthor: boolean;
  readonly timeliness: Timeliness;
}

/** A source may use this fraction of the free memory, and an author this fraction of what its source has left. */
const share = 1 / 4;

/**
 * How many messages of its own a neighbour may always have in memory. This is more than it can sign in a millisecond,
 * because messages with the same time as the last forgotten one are refused.
 */
const neighbourShare = 64;

/** How many messages of an author beyond its share are forgotten with each new one, until it is within its share. */
const givenUpPerMessage = 2;

/** How many authors are checked for outdated messages with each message. */
const lookedAtPerMessage = 2;

/**
 * Before a message is refused for lack of room, all authors are checked, but at most once in this many milliseconds.
 */
const fullLookMs = 1_000;

/**
 * Lets each message through once. A message is remembered until its time is out of the window. After that it is refused
 * for its time. The memory is limited, and messages for which there is no room are refused, not let through:
 *
 * - If an author exceeds its share, its earliest messages are forgotten. All messages of that author up to their time
 *   are refused from then on, so an author that floods loses its own late messages.
 * - A new author is refused if the source of the message, the neighbour that brought it, has used up its share.
 *
 * Shares are fractions of the free memory, so there is always room for one more source and one more author.
 */
export class SeenMessages {
  readonly #options: SeenOptions;
  readonly #memory: MessageMemory;
  readonly #sources = new Map<string, Source>();
  /** Called with the number of bytes that are newly allocated. */
  onGrowth: (bytes: number) => void = () => {};
  #lookedAtAllAt = Number.NEGATIVE_INFINITY;

  constructor(options: SeenOptions) {
    this.#options = options;
    this.#memory = new MessageMemory(options.seed);
  }

  /** The allocated bytes, whether messages fill them or not. */
  get heldBytes(): number {
    return this.#memory.heldBytes;
  }

  /**
   * Checks whether a message may be let through, provided that its signature is valid.
   *
   * @returns a function that remembers the message. Call it once the message is proven, in the same turn.
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
    // Only this link can bring it, and a link brings nothing twice.
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
   * Whether there is room for a message. A remembered author makes room by giving up old messages. There is always room
   * for a neighbour's own messages, because the messages that others bring leave some memory free.
   */
  #hasRoom({ author, source }: Arrival, isByAuthor: boolean): boolean {
    if (this.#memory.countOf(author) > 0) return true;
    return isByAuthor ? this.#memory.size < this.#options.maxMessages : source.count < this.#roomOfSource;
  }

  /** The number of messages that a source may have in memory. */
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

/** The first 64 bits of a hash. Finding another text with the same bits takes longer than the window lasts. */
function fingerprintOf(hexadecimal: string): Fingerprint {
  return {
    low: Number.parseInt(hexadecimal.slice(0, 8), 16),
    high: Number.parseInt(hexadecimal.slice(8, 16), 16),
  };
}
