/** A link that can be paused. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

/** Pauses a link while too many of its bytes wait, until half of them are handled. */
export class LinkPause {
  readonly #link: Pausable;
  readonly #maxBytes: number;
  #isPaused = false;

  constructor(link: Pausable, maxBytes: number) {
    this.#link = link;
    this.#maxBytes = maxBytes;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** @param waitingBytes what waits now. */
  update(waitingBytes: number): void {
    if (this.#isPaused ? waitingBytes > this.#maxBytes / 2 : waitingBytes <= this.#maxBytes) return;
    this.#isPaused = !this.#isPaused;
    if (this.#isPaused) this.#link.pause();
    else this.#link.resume();
  }
}
