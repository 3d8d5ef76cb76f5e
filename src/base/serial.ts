/** Runs asynchronous work one piece at a time, in the order of the calls. */
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
