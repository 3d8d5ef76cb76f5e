import type { Hops } from './spread.ts';

/** How broadcasts spread. */
export interface BroadcastTotals {
  /** How many broadcasts were sent. */
  readonly sent: number;
  /** How many nodes received each broadcast, summed over all broadcasts. */
  readonly received: number;
  /** Receivers divided by the other nodes that ran when each broadcast was sent. 1 if there were no such nodes. */
  readonly deliveryRatio: number;
  /** Over how many connections a broadcast reached a node for the first time. */
  readonly hops: Hops;
  /** The largest number of hops of each broadcast, as a mean over all broadcasts. */
  readonly lastHop: number;
  /** Repeated copies of the content, divided by first copies. 0 if no node received anything twice. */
  readonly redundancy: number;
}

/** For how many broadcasts the largest number of hops is kept. For earlier broadcasts only the sum is kept. */
const maxFollowed = 4_096;

/** Counts the content of broadcasts that nodes pass on. */
export class BroadcastWatch {
  #sent = 0;
  #expected = 0;
  #received = 0;
  #repeated = 0;
  #hops = 0;
  #maxHops = 0;
  /** The largest number of hops of each broadcast, by its id. */
  readonly #lastHops = new Map<string, number>();
  #sumOfLastHops = 0;

  /** @param others how many nodes other than the sender run. */
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
