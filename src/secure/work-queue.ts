/** How much work of one neighbour may run at a time. */
export interface WorkQueueOptions {
  readonly maxJobs: number;
  readonly maxBytes: number;
  /** Called with the bytes of memory that each job takes when it starts. */
  readonly onGrowth: (bytes: number) => void;
}

/** Work for a neighbour. */
export interface Job {
  /** Returns the bytes of memory that the job takes while it runs. Called when its turn comes. */
  readonly bytes: () => number;
  readonly run: () => Promise<void>;
}

/**
 * Runs the jobs of one neighbour concurrently, within bounds on their number and their memory. Further jobs wait in
 * order. The caller limits the memory of waiting jobs.
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

  /** Bytes of memory that running jobs take. */
  get heldBytes(): number {
    return this.#runningBytes;
  }

  /** Adds a job. Returns a promise that resolves when the job or the queue has ended, and rejects as the job does. */
  add(job: Job): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    if (this.#waiting.length === 0 && this.#hasRoom) return this.#begin(job);
    return new Promise((resolve) =>
      this.#waiting.push(() => resolve(this.#isClosed ? undefined : this.#begin(job))),
    );
  }

  /** Drops the jobs that wait. */
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
