/** How messages that nodes pass on unchanged spread. Messages with equal data count as the same message. */
export interface Spread {
  /** How many different messages were seen. */
  readonly messages: number;
  /** The mean number of nodes that received each message. */
  readonly reached: number;
  /** Over how many connections a message reached a node for the first time. 1 if it came from its origin. */
  readonly hops: Hops;
  /** Repeated copies divided by first copies. 0 if no node received anything twice. */
  readonly redundancy: number;
}

/** Over how many connections messages reached nodes. */
export interface Hops {
  /** The mean. */
  readonly mean: number;
  /** The largest. */
  readonly max: number;
}

/** For how many messages the receivers are kept. For earlier messages only the sums are kept. */
const maxFollowed = 1_024;

/** The most receivers that are kept, for all messages together. */
const maxReceivers = 8 * 2 ** 20;

/** The number of hops to a node that has not received the message. */
const notReached = 0xffff;

/** Follows messages from node to node. */
export class SpreadWatch {
  /** By the hash of a message: the number of hops to each node, indexed by the node's number. */
  readonly #followed = new Map<number, Uint16Array>();
  /** The sum of the lengths of these arrays. */
  #receivers = 0;
  #messages = 0;
  #firsts = 0;
  #copies = 0;
  #hops = 0;
  #maxHops = 0;

  received(hash: number, from: number, to: number): void {
    let hops = this.#followed.get(hash);
    const isNew = hops === undefined;
    if (hops === undefined || Math.max(from, to) >= hops.length) {
      hops = this.#follow(hash, hops, Math.max(from, to));
    }
    if (isNew) {
      this.#messages += 1;
      hops[from] = 0;
    }
    if (hops[to] !== notReached) {
      this.#copies += 1;
      return;
    }
    const before = hops[from] === notReached ? 0 : hops[from]!;
    const count = Math.min(before + 1, notReached - 1);
    hops[to] = count;
    this.#firsts += 1;
    this.#hops += count;
    this.#maxHops = Math.max(this.#maxHops, count);
  }

  /** @returns the hops of the message, with room for a node with this number. */
  #follow(hash: number, known: Uint16Array | undefined, index: number): Uint16Array {
    const hops = new Uint16Array(2 ** Math.ceil(Math.log2(index + 2))).fill(notReached);
    if (known !== undefined) hops.set(known);
    this.#followed.set(hash, hops);
    this.#receivers += hops.length - (known?.length ?? 0);
    for (const [oldest, { length }] of this.#followed) {
      if (this.#followed.size <= maxFollowed && this.#receivers <= maxReceivers) break;
      if (oldest === hash) break;
      this.#followed.delete(oldest);
      this.#receivers -= length;
    }
    return hops;
  }

  get spread(): Spread {
    const of = (sum: number, count: number): number => (count === 0 ? 0 : sum / count);
    return {
      messages: this.#messages,
      reached: of(this.#firsts, this.#messages),
      hops: { mean: of(this.#hops, this.#firsts), max: this.#maxHops },
      redundancy: of(this.#copies, this.#firsts),
    };
  }
}
