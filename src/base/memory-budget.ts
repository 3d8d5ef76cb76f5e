import { LateSet } from './late-collections.ts';

/** The memory that a node holds for one peer. */
export interface MemoryAccount {
  /** Bytes that the node holds at this moment. */
  readonly heldBytes: number;
  /** Ends the connection, and releases its memory. */
  shed(): void;
}

/** The reason in the goodbye. */
export const budgetPassed = 'the peers of the node make it keep too much, this one most of all';

/**
 * When the sum is near the budget, it is computed again after each further growth by this part (1/64) of the budget.
 */
const parts = 64;

/**
 * Limits the memory that all peers of a node together make it hold. Beyond the budget, the account that holds most is
 * ended first.
 *
 * Accounts report growth only ({@link MemoryBudget.grew}). When the reported growth could have used up the budget, the
 * memory that all accounts really hold is summed up. So messages that are handled as they arrive cost nothing here. The
 * node exceeds the budget by at most one part of it, and by what it begins to hold in one turn of the event loop.
 */
export class MemoryBudget {
  readonly maxBytes: number;
  readonly #accounts = new LateSet<MemoryAccount>();
  readonly #shares: (() => number)[] = [];
  /** Bytes that accounts may still report before the sum is computed again. */
  #roomBytes: number;
  #isCheckDue = false;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
    this.#roomBytes = maxBytes;
  }

  /**
   * Adds memory that the node holds for no peer in particular to the sum. Ending a connection does not release it, so
   * it must have a bound of its own that leaves room for connections. Its growth must be reported too.
   */
  share(sharedBytes: () => number): void {
    this.#shares.push(sharedBytes);
  }

  /** Bytes that the node holds at this moment, for all peers together. */
  get heldBytes(): number {
    let heldBytes = this.#sharedBytes;
    for (const account of this.#accounts) heldBytes += account.heldBytes;
    return heldBytes;
  }

  /** Adds an account to the sum. */
  open(account: MemoryAccount): void {
    this.#accounts.add(account);
  }

  /** Removes an account from the sum. */
  close(account: MemoryAccount): void {
    this.#accounts.delete(account);
  }

  /** Reports that the node holds so many bytes more, for any account. */
  readonly grew = (bytes: number): void => {
    this.#roomBytes -= bytes;
    if (this.#roomBytes >= 0 || this.#isCheckDue) return;
    this.#isCheckDue = true;
    // Not at once, because the caller has not finished storing what it reports.
    queueMicrotask(this.#check);
  };

  get #sharedBytes(): number {
    return this.#shares.reduce((total, bytesOf) => total + bytesOf(), 0);
  }

  readonly #check = (): void => {
    this.#isCheckDue = false;
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
