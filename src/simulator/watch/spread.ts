/** How messages that nodes pass on unchanged spread. Messages with equal data count as the same message. */
export interface Spread {
  /** How many different messages were seen. */
  readonly messages: number;
  /** The mean number of nodes that received each. */
  readonly reached: number;
  /** On how many connections a message came to a node, when it came for the first time: 1 from its origin. */
  readonly hops: Hops;
  /** Further copies for each first one: 0 if no node received anything twice. */
  readonly redundancy: number;
}

/** Numbers of connections that messages went over. */
export interface Hops {
  /** The mean. */
  readonly mean: number;
  /** The largest. */
  readonly max: number;
}

/** Of so many messages the receivers are known; of earlier ones only the sums. */
const maxFollowed = 1_024;

/** Follows messages from node to node. */
export class SpreadWatch {
  /** By the hash of a message: each node that has it, and after how many hops. */
  readonly #followed = new Map<number, Map<number, number>>();
  #messages = 0;
  #firsts = 0;
  #copies = 0;
  #hops = 0;
  #maxHops = 0;

  received(hash: number, from: number, to: number): void {
    let hops = this.#followed.get(hash);
    if (hops === undefined) {
      hops = new Map([[from, 0]]);
      this.#follow(hash, hops);
    }
    if (hops.has(to)) {
      this.#copies += 1;
      return;
    }
    const count = (hops.get(from) ?? 0) + 1;
    hops.set(to, count);
    this.#firsts += 1;
    this.#hops += count;
    this.#maxHops = Math.max(this.#maxHops, count);
  }

  #follow(hash: number, hops: Map<number, number>): void {
    this.#messages += 1;
    this.#followed.set(hash, hops);
    if (this.#followed.size <= maxFollowed) return;
    const [oldest] = this.#followed.keys();
    this.#followed.delete(oldest!);
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
