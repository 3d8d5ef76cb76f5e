interface Pausable {
  pause(): void;
  resume(): void;
}

/** Several that hold a link back: it is paused while any of them does. */
export class Brake {
  readonly #link: Pausable;
  #holders = 0;

  constructor(link: Pausable) {
    this.#link = link;
  }

  get isHeld(): boolean {
    return this.#holders > 0;
  }

  /** For one of them, who pauses and resumes by turns. */
  pedal(): Pausable {
    return {
      pause: () => {
        if (this.#holders++ === 0) this.#link.pause();
      },
      resume: () => {
        if (--this.#holders === 0) this.#link.resume();
      },
    };
  }
}
