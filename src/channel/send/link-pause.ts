/** What can be held back. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

/** Pauses a link while too much of what came over it waits, until half of that is left. */
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

  /** So much waits now. */
  update(waitingBytes: number): void {
    if (this.#isPaused ? waitingBytes > this.#maxBytes / 2 : waitingBytes <= this.#maxBytes) return;
    this.#isPaused = !this.#isPaused;
    if (this.#isPaused) this.#link.pause();
    else this.#link.resume();
  }
}
