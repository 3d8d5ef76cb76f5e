/** How many passive nodes may refuse in one round. After that, further nodes are asked in a later round. */
const maxRefusals = 4;

/** The longest pause, in rounds, after rounds in which this many nodes refused. */
const maxPauseRounds = 8;

/**
 * Decides how often a node asks others to be its neighbours: less and less often while all of them refuse. Nodes that
 * cannot be reached do not count, because after a disaster neighbours must be found without delay.
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

  /** There are enough neighbours, so the next pause is short. */
  relax(): void {
    this.#pauseRounds = 0;
  }

  /** A neighbour was just lost. */
  restart(): void {
    this.#pauseRounds = this.#restRounds = this.#refusals = 0;
  }
}
