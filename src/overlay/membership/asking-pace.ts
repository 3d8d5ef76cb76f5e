/** Passive nodes that are asked in one round, before the next ones wait for another round. */
const maxAskedPerRound = 4;

/** The longest pause after rounds in which every node refused. */
const maxPauseRounds = 8;

/** How often a node asks others to be its neighbours: less and less while all of them refuse. */
export class AskingPace {
  #asked = 0;
  #restRounds = 0;
  #pauseRounds = 0;

  round(): void {
    this.#asked = 0;
    this.#restRounds = Math.max(0, this.#restRounds - 1);
  }

  /** @returns whether one more node may be asked in this round. If not, a pause may begin. */
  take(): boolean {
    if (this.#restRounds > 0) return false;
    if (this.#asked < maxAskedPerRound) {
      this.#asked += 1;
      return true;
    }
    this.#pauseRounds = Math.min(Math.max(1, this.#pauseRounds * 2), maxPauseRounds);
    this.#restRounds = this.#pauseRounds;
    return false;
  }

  /** There are neighbours enough: the next pause is a short one. */
  relax(): void {
    this.#pauseRounds = 0;
  }

  /** A neighbour was lost just now. */
  restart(): void {
    this.#pauseRounds = this.#restRounds = 0;
  }
}
