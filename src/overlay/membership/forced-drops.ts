/** Other nodes may make this one drop a neighbour so often at once, and once more in each round. */
const maxForcedDrops = 5;

/** Other nodes may swap with this one once in so many rounds. */
const swapsEveryRounds = 3;

/** How often others may make a node drop a neighbour for them. */
export class ForcedDrops {
  #left = maxForcedDrops;
  #restRounds = 0;

  round(): void {
    this.#left = Math.min(this.#left + 1, maxForcedDrops);
    this.#restRounds = Math.max(0, this.#restRounds - 1);
  }

  /** @returns whether a neighbour may be dropped now; if so, it counts. */
  take(isSwap: boolean): boolean {
    if (this.#left === 0 || (isSwap && this.#restRounds > 0)) return false;
    if (isSwap) this.#restRounds = swapsEveryRounds;
    this.#left -= 1;
    return true;
  }
}
