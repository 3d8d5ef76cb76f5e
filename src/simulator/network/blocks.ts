/** Nothing passes from some places to others. `undefined` stands for all places. */
export interface Block {
  readonly from: ReadonlySet<number> | undefined;
  readonly to: ReadonlySet<number> | undefined;
  /** One of the two sets stands for a group whose members still reach each other. */
  readonly isWithinFree?: boolean;
}

/** The blocks between places at the moment, and the callbacks that wait until they have gone. */
export class Blocks {
  readonly #blocks = new Set<Block>();
  /** Called, in the order of waiting, when blocks have gone. */
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

  /** Calls `tryAgain` when some of the blocks have gone. */
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
