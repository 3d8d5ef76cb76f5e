/** Blocks all data from some places to others. `undefined` means all places. */
export interface Block {
  readonly from: ReadonlySet<number> | undefined;
  readonly to: ReadonlySet<number> | undefined;
  /** Whether the members of the given set still reach each other. */
  readonly isWithinFree?: boolean;
}

/** The present blocks between places, and the callbacks that wait until these blocks are removed. */
export class Blocks {
  readonly #blocks = new Set<Block>();
  /** Called in this order when the blocks are removed. */
  #waiting = new Set<() => void>();

  get size(): number {
    return this.#blocks.size;
  }

  add(block: Block): void {
    this.#blocks.add(block);
  }

  isBlocked(from: number, to: number): boolean {
    if (this.#blocks.size === 0 || from === to) return false;
    for (const block of this.#blocks) {
      const isFrom = block.from?.has(from) ?? true;
      const isTo = block.to?.has(to) ?? true;
      if (!isFrom || !isTo) continue;
      const group = block.isWithinFree ? (block.from ?? block.to) : undefined;
      if (group === undefined || group.has(from) !== group.has(to)) return true;
    }
    return false;
  }

  /** Calls `tryAgain` once when the blocks are removed. */
  wait(tryAgain: () => void): void {
    this.#waiting.add(tryAgain);
  }

  clear(): void {
    this.#blocks.clear();
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const tryAgain of waiting) tryAgain();
  }
}
