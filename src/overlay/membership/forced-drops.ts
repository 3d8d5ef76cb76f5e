/** How often other nodes may make this node drop a neighbour: this burst, and once more in each round. */
const maxForcedDrops = 5;

/** Other nodes may swap with this node once in this many rounds. */
const swapsEveryRounds = 3;

/** Limits how often other nodes may make this node drop a neighbour in their favour. */
export class ForcedDrops {
  #left = maxForcedDrops;
  #restRounds = 0;

  round(): void {
    this.#left = Math.min(this.#left + 1, maxForcedDrops);
    this.#restRounds = Math.max(0, this.#restRounds - 1);
  }

  /** @returns whether a neighbour may be dropped now. If so, the drop is counted. */
  take(isSwap: boolean): boolean {
    if (this.#left === 0 || (isSwap && this.#restRounds > 0)) return false;
    if (isSwap) this.#restRounds = swapsEveryRounds;
    this.#left -= 1;
    return true;
  }
}
