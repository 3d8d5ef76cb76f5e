/** Passive nodes that may refuse in one round, before the next ones wait for another round. */
const maxRefusals = 4;

/** The longest pause after rounds in which so many refused. */
const maxPauseRounds = 8;

/**
 * How often a node asks others to be its neighbours: less and less while all of them refuse. Nodes that are not there
 * do not count: after a disaster, neighbours have to be found at once.
 */
export class AskingPace {
  #refusals = 0;
  #restRounds = 0;
  #pauseRounds = 0;

  /** Whether another node may be asked in this round. */
  get mayAsk(): boolean {
    return this.#restRounds === 0;
  }

  round(): void {
    this.#refusals = 0;
    this.#restRounds = Math.max(0, this.#restRounds - 1);
  }

  refused(): void {
    this.#refusals += 1;
    if (this.#refusals < maxRefusals || this.#restRounds > 0) return;
    this.#pauseRounds = Math.min(Math.max(1, this.#pauseRounds * 2), maxPauseRounds);
    this.#restRounds = this.#pauseRounds;
  }

  /** There are neighbours enough: the next pause is a short one. */
  relax(): void {
    this.#pauseRounds = 0;
  }

  /** A neighbour was lost just now. */
  restart(): void {
    this.#pauseRounds = this.#restRounds = this.#refusals = 0;
  }
}
