import type { Hops } from './spread.ts';

/** How broadcasts spread. */
export interface BroadcastTotals {
  /** How many were sent. */
  readonly sent: number;
  /** How many nodes received one, over all broadcasts. */
  readonly received: number;
  /** The share of the nodes that ran when a broadcast was sent, and that it reached; 1 if there were none. */
  readonly deliveryRatio: number;
  /** Over how many connections a broadcast came to a node, when it came for the first time. */
  readonly hops: Hops;
  /** The mean, over all broadcasts, of the hops to the node that was reached last. */
  readonly lastHop: number;
  /** Further copies of the content for each first one: 0 if no node received anything twice. */
  readonly redundancy: number;
}

/** For how many broadcasts the hops to the last node are kept. For earlier broadcasts only the sum is. */
const maxFollowed = 4_096;

/** Counts the content of broadcasts that goes from node to node. */
export class BroadcastWatch {
  #sent = 0;
  #expected = 0;
  #received = 0;
  #repeated = 0;
  #hops = 0;
  #maxHops = 0;
  /** By the id of a broadcast. */
  readonly #lastHops = new Map<string, number>();
  #sumOfLastHops = 0;

  /** @param others how many other nodes run. */
  sent(id: string, others: number): void {
    this.#sent += 1;
    this.#expected += others;
    this.#lastHops.set(id, 0);
    if (this.#lastHops.size <= maxFollowed) return;
    const [oldest] = this.#lastHops.keys();
    this.#lastHops.delete(oldest!);
  }

  arrived(id: string, hops: number): void {
    this.#received += 1;
    this.#hops += hops;
    this.#maxHops = Math.max(this.#maxHops, hops);
    const before = this.#lastHops.get(id);
    if (before === undefined || before >= hops) return;
    this.#lastHops.set(id, hops);
    this.#sumOfLastHops += hops - before;
  }

  repeated(): void {
    this.#repeated += 1;
  }

  get totals(): BroadcastTotals {
    const of = (sum: number, count: number): number => (count === 0 ? 0 : sum / count);
    return {
      sent: this.#sent,
      received: this.#received,
      deliveryRatio: this.#expected === 0 ? 1 : this.#received / this.#expected,
      hops: { mean: of(this.#hops, this.#received), max: this.#maxHops },
      lastHop: of(this.#sumOfLastHops, this.#sent),
      redundancy: of(this.#repeated, this.#received),
    };
  }
}
