import { ComputingPace, minPauseMs, type Pace } from '../base/computing-pace.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { Serial } from '../base/serial.ts';
import type { Steps } from '../base/steps.ts';
import { turn } from './vault/turn.ts';

/** A connection that asks for work, which takes its share of computing time. */
export interface Asker {
  /** Resolves when earlier answers have been sent, so that there is room for another one. */
  drained(): Promise<void>;
}

interface Job {
  readonly work: (pace: Pace) => Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The jobs of one asker. */
interface Line {
  readonly jobs: Job[];
  /** The pace of the job that runs now. */
  pace: ComputingPace | undefined;
}

/**
 * Limits what a node computes for all its peers to half of its time. One piece of work runs at a time, and the askers
 * take turns. After each 10 ms of computing, all of them pause for the same time. An asker that does not read its
 * answers gets no further turn.
 */
export class PeerTurns {
  readonly #runtime: Runtime;
  readonly #lines = new Map<Asker, Line>();
  readonly #serial = new Serial();
  /** Milliseconds computed since the last pause. */
  #tookMs = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * Runs work when it is the asker's turn.
   *
   * @returns the result of the work. Rejects with `ERR_CONNECTION_CLOSED` if the asker leaves before its turn.
   */
  run<Result>(asker: Asker, work: (pace: Pace) => Promise<Result>): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const job = { work, resolve, reject };
    const line = this.#lines.get(asker);
    if (line === undefined) void this.#serve(asker, job);
    else line.jobs.push(job);
    return promise as Promise<Result>;
  }

  /**
   * Runs work in steps: the first step immediately, the others in turns of a few milliseconds, so that all askers make
   * progress.
   *
   * @returns the result itself if one step is enough, otherwise a promise. It rejects as in {@link PeerTurns.run}.
   */
  begin<Result>(asker: Asker, steps: Steps<Result>): Result | Promise<Result> {
    const beganAtMs = this.#runtime.now();
    const { done, value } = steps.next();
    if (done) return value;
    this.#tookMs += this.#runtime.now() - beganAtMs;
    return this.#continue(asker, steps);
  }

  async #continue<Result>(asker: Asker, steps: Steps<Result>): Promise<Result> {
    for (;;) {
      const { done, value } = await this.run(asker, async () => this.#doSome(steps));
      if (done) return value;
    }
  }

  #doSome<Result>(steps: Steps<Result>): IteratorResult<undefined, Result> {
    const endsAtMs = this.#runtime.now() + minPauseMs;
    let step = steps.next();
    while (!step.done && this.#runtime.now() < endsAtMs) step = steps.next();
    return step;
  }

  /** Drops all work of an asker. */
  cancel(asker: Asker): void {
    const line = this.#lines.get(asker);
    if (line === undefined) return;
    line.pace?.stop();
    for (const { reject } of line.jobs.splice(0)) {
      reject(new PeerloomError('ERR_CONNECTION_CLOSED', 'the node that asked has disconnected'));
    }
  }

  /**
   * Runs the jobs of an asker. It asks for a turn for one job at a time, so that each asker waits for all the others in
   * between.
   */
  async #serve(asker: Asker, first: Job): Promise<void> {
    const line: Line = { jobs: [first], pace: undefined };
    this.#lines.set(asker, line);
    while (line.jobs.length > 0) {
      await asker.drained();
      await this.#serial.run(() => this.#doNext(line));
    }
    this.#lines.delete(asker);
  }

  async #doNext(line: Line): Promise<void> {
    const job = line.jobs.shift();
    if (job === undefined) return; // the job was cancelled
    const pace = new ComputingPace(this.#runtime);
    line.pace = pace;
    try {
      job.resolve(await job.work(pace));
    } catch (error) {
      job.reject(error);
    }
    // The caller now signs or encodes the result. That time counts too.
    await turn(this.#runtime);
    line.pace = undefined;
    await this.#rest(pace.tookMs);
  }

  async #rest(tookMs: number): Promise<void> {
    this.#tookMs += tookMs;
    if (this.#tookMs < minPauseMs) return;
    const pauseMs = this.#tookMs;
    this.#tookMs = 0;
    await new Promise<void>((resolve) => {
      this.#runtime.setTimeout(resolve, pauseMs);
    });
  }
}
