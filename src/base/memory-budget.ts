/** What a node keeps for one peer. */
export interface MemoryAccount {
  /** Bytes kept at this moment. */
  readonly heldBytes: number;
  /** Ends the connection, and lets go of what is kept for it. */
  shed(): void;
}

/** Why, as the other side is told. */
export const budgetPassed = 'the peers of the node make it keep too much, this one most of all';

/** Past the budget it is looked again at the latest when so small a part of it was kept anew. */
const parts = 64;

/**
 * One bound for what the peers of a node make it keep, all of them together: past it the one that costs most goes
 * first.
 *
 * Who keeps something says so; of what is let go of nothing is said. What is really held is summed up only when all
 * that was said could have used up the budget. So messages that are handled as they come cost nothing here, and the
 * budget is passed by one part of it at most, and by what is kept in one turn of the event loop.
 */
export class MemoryBudget {
  readonly maxBytes: number;
  readonly #accounts = new Set<MemoryAccount>();
  readonly #shares: (() => number)[] = [];
  /** What may be kept anew before it is looked again. */
  #roomBytes: number;
  #isLooking = false;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
    this.#roomBytes = maxBytes;
  }

  /**
   * Takes into the sum what is kept for peers and for none of them in particular. Nobody can be ended for it, so it
   * must have a bound of its own that leaves room for connections. What it keeps anew must be told as well.
   */
  share(sharedBytes: () => number): void {
    this.#shares.push(sharedBytes);
  }

  /** What is kept at this moment, for all peers together. */
  get heldBytes(): number {
    let heldBytes = this.#sharedBytes;
    for (const account of this.#accounts) heldBytes += account.heldBytes;
    return heldBytes;
  }

  /** Takes an account into the sum. */
  open(account: MemoryAccount): void {
    this.#accounts.add(account);
  }

  /** Takes it out again. */
  close(account: MemoryAccount): void {
    this.#accounts.delete(account);
  }

  /** So many bytes more are kept, for whomever. */
  readonly grew = (bytes: number): void => {
    this.#roomBytes -= bytes;
    if (this.#roomBytes >= 0 || this.#isLooking) return;
    this.#isLooking = true;
    // Not at once: whoever says so is in the middle of keeping it.
    queueMicrotask(this.#look);
  };

  get #sharedBytes(): number {
    return this.#shares.reduce((total, bytesOf) => total + bytesOf(), 0);
  }

  readonly #look = (): void => {
    this.#isLooking = false;
    const costs = Array.from(this.#accounts, (account) => ({ account, bytes: account.heldBytes }));
    let sum = costs.reduce((total, { bytes }) => total + bytes, this.#sharedBytes);
    if (sum > this.maxBytes) costs.sort((one, other) => other.bytes - one.bytes);
    for (const { account, bytes } of costs) {
      if (sum <= this.maxBytes) break;
      sum -= bytes;
      this.close(account);
      account.shed();
    }
    this.#roomBytes = Math.max(this.maxBytes - sum, this.maxBytes / parts);
  };
}
