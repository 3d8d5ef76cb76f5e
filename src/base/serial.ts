/** Runs one thing after the other, in the order in which they were asked for. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(work);
    // Not `done` itself, which holds the result.
    this.#last = done.then(
      () => {},
      () => {},
    );
    return done;
  }
}
