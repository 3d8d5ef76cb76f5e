/** How much of one neighbour's may be in hand. */
export interface WorkQueueOptions {
  readonly maxJobs: number;
  readonly maxBytes: number;
  /** Told of what jobs take anew. */
  readonly onGrowth: (bytes: number) => void;
}

/** Something to do for a neighbour. */
export interface Job {
  /** Memory that it takes while it runs, which is looked at when its turn comes. */
  readonly bytes: () => number;
  readonly run: () => Promise<void>;
}

/**
 * What one neighbour has this node do, side by side: so many jobs at once, and so much memory. The others wait, in the
 * order in which they came; what they wait with is for the caller to bound.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  #waiting: (() => void)[] = [];
  #running = 0;
  #runningBytes = 0;
  #isClosed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** What running jobs take. */
  get heldBytes(): number {
    return this.#runningBytes;
  }

  /** @returns a promise for the end of the job, or of the queue. Rejects with what the job rejects with. */
  add(job: Job): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    if (this.#waiting.length === 0 && this.#hasRoom) return this.#begin(job);
    return new Promise((resolve) =>
      this.#waiting.push(() => resolve(this.#isClosed ? undefined : this.#begin(job))),
    );
  }

  /** Nothing that waits is done any more. */
  close(): void {
    this.#isClosed = true;
    for (const go of this.#waiting.splice(0)) go();
  }

  get #hasRoom(): boolean {
    return this.#running < this.#options.maxJobs && this.#runningBytes <= this.#options.maxBytes;
  }

  #begin({ bytes: bytesOf, run }: Job): Promise<void> {
    const bytes = bytesOf();
    this.#running += 1;
    this.#runningBytes += bytes;
    this.#options.onGrowth(bytes);
    return run().finally(() => {
      this.#running -= 1;
      this.#runningBytes -= bytes;
      this.#goOn();
    });
  }

  #goOn(): void {
    let begun = 0;
    while (begun < this.#waiting.length && this.#hasRoom) this.#waiting[begun++]!();
    this.#waiting.splice(0, begun);
  }
}
